/**
 * Asks the server about one token (RFC 7662), where the guard can't tell. It may not know when that is.
 * Nothing is remembered: an answer is as old as its question.
 */

import { readClaims } from './claims.js';

const TIMEOUT_MS = 2_000;
/** Questions at once. More are not asked: a server in trouble needs no crowd. */
const AT_ONCE = 50;
const BYTES_MAX = 64 * 1024;

export class Introspector {
  #http;
  #running = 0;

  /** @param {import('./http.js').Http} http */
  constructor(http) {
    this.#http = http;
  }

  /**
   * Whether the server says that the token is good; null where it does not say. Never rejects.
   * @param {string} token
   * @returns {Promise<boolean | null>}
   */
  async isActive(token) {
    if (this.#running >= AT_ONCE) return null;
    this.#running += 1;
    try {
      const active = (await this.#answer(token))?.active;
      return typeof active === 'boolean' ? active : null;
    } catch {
      return null;
    } finally {
      this.#running -= 1;
    }
  }

  /**
   * What a token stands for at the server; null where it does not say, and where the claims are not for this guard.
   * Never rejects. How many ask at once is for the caller to bound.
   * @param {string} token
   * @param {{ issuer: string, audience: string }} whom
   */
  async claimsOf(token, { issuer, audience }) {
    try {
      const answer = await this.#answer(token);
      if (answer?.active === false) return 'inactive';
      const claims = answer?.active === true ? readClaims(answer) : null;
      return claims?.iss === issuer && claims.aud === audience ? claims : null;
    } catch {
      return null;
    }
  }

  /** @param {string} token */
  async #answer(token) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ token }).toString();
    const { status, text } = await this.#http.call('/oauth/introspect', { method: 'POST', headers, body, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX });
    return status === 200 ? JSON.parse(text) : null;
  }
}
