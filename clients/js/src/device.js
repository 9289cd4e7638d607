/**
 * The device: the id that an installation keeps, and a name that its person recognises. It may not know
 * who signs in on it.
 */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * @param {import('./storage.js').Shelf} shelf
 * @param {string} key
 * @param {import('./platform.js').Platform} platform
 * @param {NonNullable<import('./types.js').Options['device']>} given
 * @returns {Promise<import('./types.js').Device>}
 */
export async function openDevice(shelf, key, platform, given) {
  return Object.freeze({
    id: given.id ?? (await keptId(shelf, key, platform)),
    name: given.name ?? guessName(platform.userAgent),
    platform: given.platform ?? (platform.document ? 'web' : 'other'),
  });
}

/**
 * @param {import('./storage.js').Shelf} shelf
 * @param {string} key
 * @param {import('./platform.js').Platform} platform
 */
async function keptId(shelf, key, platform) {
  const kept = await shelf.get(key);
  if (kept !== null && UUID.test(kept)) return kept;
  await shelf.set(key, platform.uuid());
  // Two tabs that open at once agree on what was stored last.
  return (await shelf.get(key)) ?? platform.uuid();
}

/** The first that matches; those that name others too come first. @type {[RegExp, string][]} */
const BROWSERS = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/(Chrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
  [/^Node/, 'Node'],
];
/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'Mac'],
  [/Linux/, 'Linux'],
];

/** @param {string} userAgent */
export function guessName(userAgent) {
  const browser = BROWSERS.find(([pattern]) => pattern.test(userAgent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1];
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? 'Unnamed device';
}
