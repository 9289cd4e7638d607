/**
 * Settings: the application's options, checked. It may not know what they are used for. A name that nobody
 * knows is refused: a misspelt bound would silently be none.
 */

import { systemClock } from './time.js';

/**
 * @typedef {object} Settings
 * @property {URL} url
 * @property {string} apiKey
 * @property {string} issuer
 * @property {string} audience
 * @property {readonly string[]} issuers
 * @property {number} maxFeedLagMs
 * @property {import('./types.js').Behind} behind
 * @property {number} cacheSize
 * @property {number} indexSizeMax
 * @property {number} leewayS
 * @property {import('node:http').Agent | undefined} agent
 * @property {import('./time.js').Clock} clock
 * @property {import('./http.js').Http | undefined} http
 */

const BEHIND = ['refuse', 'introspect', 'accept'];
const NAMES = ['url', 'apiKey', 'issuer', 'audience', 'issuers', 'maxFeedLagMs', 'behind', 'cacheSize', 'indexSizeMax', 'leewayS', 'agent', 'internals'];
const ROUTE_NAMES = ['requires', 'behind', 'what'];

/**
 * @param {import('./types.js').Options} options
 * @returns {Settings}
 */
export function readOptions(options) {
  only(options, NAMES, 'createGuard');
  const { url, apiKey, issuer, audience, behind = 'refuse', agent, internals = {} } = options;
  if (!/^[!-~]+$/.test(text(apiKey, 'apiKey'))) throw new TypeError('`apiKey` must be a key of the server.');
  return {
    url: address(url),
    apiKey,
    issuer: text(issuer, 'issuer'),
    audience: text(audience, 'audience'),
    issuers: others(options.issuers ?? [], issuer),
    // The feed's heartbeat comes once a second.
    maxFeedLagMs: number(options.maxFeedLagMs ?? 2000, 'maxFeedLagMs', 1000, 3_600_000),
    behind: behindOf(behind),
    cacheSize: number(options.cacheSize ?? 10_000, 'cacheSize', 0, 10_000_000),
    indexSizeMax: number(options.indexSizeMax ?? 1_000_000, 'indexSizeMax', 1, 100_000_000),
    leewayS: number(options.leewayS ?? 0, 'leewayS', 0, 60),
    agent,
    clock: internals.clock ?? systemClock,
    http: internals.http,
  };
}

/**
 * What a route needs, with what its framework adds.
 * @template {import('./types.js').Route} Options
 * @param {Options} route
 * @param {readonly string[]} [more] Names of options besides those of every route.
 * @returns {Options}
 */
export function readRoute(route, more = []) {
  only(route, [...ROUTE_NAMES, ...more], 'a route');
  if (route.requires !== undefined) text(route.requires, 'requires');
  if (route.behind !== undefined) behindOf(route.behind);
  return route;
}

/**
 * @param {object} options
 * @param {readonly string[]} names
 * @param {string} where
 */
export function only(options, names, where) {
  if (typeof options !== 'object' || options === null) throw new TypeError(`The options of ${where} must be an object.`);
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new TypeError(`\`${name}\` is no option of ${where}; there are ${names.join(', ')}.`);
  }
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} least
 * @param {number} most
 */
export function number(value, name, least, most) {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least || value > most) {
    throw new TypeError(`\`${name}\` must be a number from ${least} to ${most}.`);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function text(value, name) {
  if (typeof value !== 'string' || value === '') throw new TypeError(`\`${name}\` must be a text that is not empty.`);
  return value;
}

/** @param {unknown} issuers @param {string} own @returns {readonly string[]} */
function others(issuers, own) {
  const isOther = (/** @type {unknown} */ iss) => typeof iss === 'string' && iss !== '' && iss !== own;
  if (!Array.isArray(issuers) || !issuers.every(isOther)) throw new TypeError('`issuers` must be a list of issuers other than `issuer`.');
  return [...issuers];
}

/**
 * @param {unknown} behind
 * @returns {import('./types.js').Behind}
 */
function behindOf(behind) {
  if (!BEHIND.includes(/** @type {string} */ (behind))) throw new TypeError(`\`behind\` must be one of ${BEHIND.join(', ')}.`);
  return /** @type {import('./types.js').Behind} */ (behind);
}

/** @param {unknown} url */
function address(url) {
  const parsed = URL.canParse(String(url)) ? new URL(String(url)) : null;
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol) || parsed.username || parsed.search || parsed.hash) {
    throw new TypeError("`url` must be the server's address, such as https://sessions.example.");
  }
  return parsed;
}
