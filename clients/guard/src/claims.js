/**
 * What a signed token says, read with suspicion. It may not know how it was signed, nor what time it is.
 */

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @type {Record<Exclude<keyof import('./types.js').Claims, 'kid'>, (value: any) => boolean>} */
const MEMBERS = {
  iss: isText,
  sub: isUuid,
  aud: isText,
  client_id: isText,
  iat: Number.isSafeInteger,
  exp: Number.isSafeInteger,
  jti: isUuid,
  sid: isUuid,
  device_id: isUuid,
  auth_time: Number.isSafeInteger,
  groups: isTexts,
  permissions: isTexts,
  as_of: isPosition,
  fence: isPosition,
};

/**
 * The claims of a payload, frozen; null where a member is missing or of the wrong type, and for
 * a token that is bound to a key.
 * @param {unknown} payload
 * @param {string} [kid] The key that vouches for them, whatever the payload says.
 * @returns {import('./types.js').Claims | null}
 */
export function readClaims(payload, kid) {
  if (typeof payload !== 'object' || payload === null) return null;
  // Good only beside something that is not shown here (RFC 7800): it may be stolen.
  if (Object.hasOwn(payload, 'cnf')) return null;
  /** @type {Record<string, unknown>} */
  const claims = {};
  for (const [name, fits] of Object.entries(MEMBERS)) {
    const value = Object.hasOwn(payload, name) ? Reflect.get(payload, name) : undefined;
    if (!fits(value)) return null;
    claims[name] = fits === isUuid ? value.toLowerCase() : value;
  }
  if (kid !== undefined) claims.kid = kid;
  Object.freeze(claims.groups);
  Object.freeze(claims.permissions);
  return /** @type {import('./types.js').Claims} */ (/** @type {unknown} */ (Object.freeze(claims)));
}

/** @param {unknown} value @returns {value is string} */
export function isUuid(value) {
  return typeof value === 'string' && UUID.test(value);
}

/** A log position. @param {unknown} value @returns {value is number} */
export function isPosition(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === 'string';
}

/** @param {unknown} value */
function isTexts(value) {
  return Array.isArray(value) && value.every(isText);
}
