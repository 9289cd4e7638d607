/**
 * What applications import. It only names what there is.
 */

import { Guard } from './guard.js';

export { GuardError } from './errors.js';
export { Guard } from './guard.js';

/**
 * Starts a guard. Until `guard.ready` it can't decide.
 * @param {import('./types.js').Options} options
 */
export function createGuard(options) {
  return new Guard(options);
}

/** @typedef {import('./types.js').Behind} Behind */
/** @typedef {import('./types.js').Change} Change */
/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {import('./types.js').Events} Events */
/** @typedef {import('./types.js').Options} Options */
/** @typedef {import('./types.js').Route} Route */
/** @typedef {import('./socketio/types.js').SocketAuth} SocketAuth */
/** @typedef {import('./socketio/types.js').SocketOptions} SocketOptions */
