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

/**
 * By a token's SHA-256. The least recently used are forgotten first.
 * @template Found
 */
export class LeastRecent {
  /** In order of use. @type {Map<string, Found>} */
  #tokens = new Map();
  #size;

  /** @param {number} size Room for none where it is 0. */
  constructor(size) {
    this.#size = size;
  }

  /** @param {string} name @returns {Found | undefined} */
  get(name) {
    const found = this.#tokens.get(name);
    if (found !== undefined) {
      this.#tokens.delete(name);
      this.#tokens.set(name, found);
    }
    return found;
  }

  /** @param {string} name @param {Found} found */
  put(name, found) {
    if (this.#size === 0) return;
    this.#tokens.delete(name);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size < this.#size) break;
      this.#tokens.delete(oldest);
    }
    this.#tokens.set(name, found);
  }

  /** Forgets what does not fit. @param {(found: Found) => boolean} fits */
  filter(fits) {
    for (const [name, found] of this.#tokens) if (!fits(found)) this.#tokens.delete(name);
  }
}

/** @extends {LeastRecent<Genuine>} */
export class Cache extends LeastRecent {
  /** Forgets what keys signed that are not in this set. @param {import('./keys.js').KeySet} keys */
  keep(keys) {
    this.filter(({ key }) => keys.holds(key));
  }
}
