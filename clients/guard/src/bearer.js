/**
 * The token of a request's headers. It may not know what the token says. Never from an address: those are
 * logged.
 */

import { GuardError } from './errors.js';
import { WHAT_MAX } from './uses.js';

/**
 * @template {import('./types.js').RequestLike} Request
 * @param {Request} request
 * @param {import('./types.js').TokenSource<Request>} [source] Takes it from elsewhere.
 * @returns {string}
 */
export function tokenOf(request, source) {
  const token = source ? source(request) : bearerOf(request);
  if (token === null || token === undefined || token === '') throw new GuardError('token_missing');
  return token;
}

/** @param {import('./types.js').RequestLike} request */
function bearerOf({ headers, rawHeaders = [] }) {
  const { authorization } = headers;
  if (typeof authorization !== 'string') return null;
  // Node shows the first of two; a proxy may have looked at the other.
  if (countOf(rawHeaders, 'authorization') > 1) throw new GuardError('token_invalid');
  const [, token] = /^\s*bearer +(.*?)\s*$/i.exec(authorization) ?? [];
  return token ?? null;
}

/** @param {readonly string[]} rawHeaders Names and values in turn. @param {string} name */
function countOf(rawHeaders, name) {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const there = rawHeaders[at];
    if (there?.length === name.length && there.toLowerCase() === name) count += 1;
  }
  return count;
}

/**
 * What a request is for, as reports of late use say it: without its query, where secrets may be.
 * @param {string | undefined} method
 * @param {string | undefined} path
 */
export function whatOf(method = '', path = '') {
  const query = path.indexOf('?');
  // Cut before it is joined: what is remembered must not keep a long address in memory.
  return `${method} ${path.slice(0, Math.min(query < 0 ? path.length : query, WHAT_MAX))}`;
}
