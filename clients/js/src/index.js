/**
 * The package's entry: what an application may use. Everything else can change.
 */

import { Session as Held } from './session.js';
import { readOptions } from './settings.js';

export { SessionwireError } from './errors.js';

/** @typedef {Held} Session */
/** @typedef {import('./types.js').Options} SessionOptions */
/** @typedef {import('./types.js').State} State */
/** @typedef {import('./types.js').Transport} Transport */
/** @typedef {import('./types.js').Ended} Ended */
/** @typedef {import('./types.js').User} User */
/** @typedef {import('./types.js').Device} Device */
/** @typedef {import('./types.js').SignInOptions} SignInOptions */
/** @typedef {import('./types.js').SignInResult} SignInResult */
/** @typedef {import('./types.js').Decided} Decided */
/** @typedef {import('./types.js').StateChange} StateChange */
/** @typedef {import('./types.js').PermissionsChange} PermissionsChange */
/** @typedef {import('./types.js').TakeoverRequest} TakeoverRequest */
/** @typedef {import('./types.js').Notice} Notice */
/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./types.js').TextStorage} TextStorage */
/** @typedef {import('./types.js').KeyStore} KeyStore */

/**
 * A session object: at first whatever is stored, later whoever signs in.
 * @param {import('./types.js').Options} [options]
 * @returns {Session}
 */
export function createSession(options = {}) {
  return new Held(readOptions(options));
}
