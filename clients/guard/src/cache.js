/**
 * Tokens that were found genuine, so that a repeated one costs no signature check. Of a token its SHA-256 is
 * kept and nothing else. It may not know whether they still hold: that is asked each time.
 */

import crypto from 'node:crypto';

/** @typedef {{ claims: import('./types.js').Claims, key: import('./keys.js').Key }} Genuine */

/** Node before 20.12 has no `hash`. @type {(token: string) => string} */
export const fingerprint = crypto.hash
  ? (token) => crypto.hash('sha256', token, 'hex')
  : (token) => crypto.createHash('sha256').update(token).digest('hex');

/** The least recently used are forgotten first. */
export class Cache {
  /** In order of use. @type {Map<string, Genuine>} */
  #tokens = new Map();
  #size;

  /** @param {number} size Room for none where it is 0. */
  constructor(size) {
    this.#size = size;
  }

  /** @param {string} name @returns {Genuine | undefined} */
  get(name) {
    const genuine = this.#tokens.get(name);
    if (genuine) {
      this.#tokens.delete(name);
      this.#tokens.set(name, genuine);
    }
    return genuine;
  }

  /** @param {string} name @param {Genuine} genuine */
  put(name, genuine) {
    if (this.#size === 0) return;
    this.#tokens.delete(name);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size < this.#size) break;
      this.#tokens.delete(oldest);
    }
    this.#tokens.set(name, genuine);
  }

  /** Forgets what keys signed that are not in this set. @param {import('./keys.js').KeySet} keys */
  keep(keys) {
    for (const [name, { key }] of this.#tokens) if (!keys.holds(key)) this.#tokens.delete(name);
  }
}
