// What people read: platforms, times, counts, problems. Kind and short; the codes stay out of sight.

/** @type {Record<string, string>} */
const PLATFORMS = { web: 'Browser', ios: 'iPhone or iPad', android: 'Android', desktop: 'Computer', game: 'Game', other: 'Device' };

/** @param {string} platform */
export const platformName = (platform) => PLATFORMS[platform] ?? 'Device';

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function count(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

const UNITS = /** @type {[number, Intl.RelativeTimeFormatUnit][]} */ ([
  [86400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
]);
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/**
 * @param {string | Date | undefined} at
 * @param {number} [now]
 */
export function ago(at, now = Date.now()) {
  if (!at) return 'never';
  const seconds = (new Date(at).getTime() - now) / 1000;
  for (const [size, unit] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return 'just now';
}

/** @param {string} at */
export const clock = (at) => new Date(at).toLocaleTimeString('en-GB');

/** @param {string} at */
export const moment = (at) => new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/);
  const first = words[0] ?? '';
  const last = words.length > 1 ? (words.at(-1) ?? '') : '';
  return ([...first][0] ?? '?').toUpperCase() + ([...last][0] ?? '').toUpperCase();
}

/** @type {Record<string, string>} */
const PROBLEMS = {
  invalid_credentials: 'That name and password don’t fit together. Please try again.',
  user_suspended: 'This account is paused. Please ask your administrator.',
  rate_limited: 'Too many attempts. Please wait a little and try again.',
  already_exists: 'That name is taken. Please choose another.',
  last_administrator: 'Somebody has to be an administrator, and this is the last one.',
  not_found: 'That isn’t there any more. Somebody may have removed it.',
  forbidden: 'Your rights don’t reach that far.',
  cannot_decide: 'The server is catching up. Please try again in a moment.',
  internal: 'Something went wrong on the server. Please try again.',
};

/**
 * @param {unknown} error anything that was thrown or a problem's body
 * @returns {string} a sentence
 */
export function sentence(error) {
  const { code, message, detail } = /** @type {{ code?: string, message?: string, detail?: string }} */ (error ?? {});
  if (code && PROBLEMS[code]) return PROBLEMS[code];
  if (code === 'validation_failed') return `The server didn’t accept that: ${detail ?? message ?? 'please check the fields'}.`;
  if (error instanceof TypeError || code === 'network' || code === 'offline') return 'The server can’t be reached. Please check your connection.';
  return detail ?? message ?? 'Something went wrong. Please try again.';
}
