/**
 * Proofs that this client holds the key that its tokens are bound to (DPoP, RFC 9449): one for each request. The
 * key is made when it is first needed, one for each server. It may not know what is asked for, nor what becomes
 * of a session whose key is gone.
 */

import { keyOf } from './claims.js';
import { memoryKeys } from './key-store.js';

/** @typedef {{ pair: CryptoKeyPair, jwk: { kty: string, crv: string, x: string, y: string }, jkt: string }} Key */

const KIND = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
/** A server takes a proof whose time is a minute off; a clock that is nearer than this is left alone. */
const CLOCK_MS = 10_000;

/**
 * @param {import('./settings.js').Settings} settings
 * @param {(report: import('./types.js').Report) => void} report
 */
export function openProofs({ dpop, base, time }, report) {
  return dpop && new Proofs({ ...dpop, name: base, time, report });
}

export class Proofs {
  #store;
  #name;
  #crypto;
  #time;
  #report;
  #failed = false;
  /** @type {Key | null} The one last used. */
  #key = null;
  /** How far the server's clock is ahead of this device's. */
  #aheadMs = 0;

  /**
   * @param {object} parts
   * @param {import('./types.js').KeyStore} parts.store
   * @param {string} parts.name Of the key: whose it is.
   * @param {Crypto} parts.crypto
   * @param {import('./time.js').Time} parts.time
   * @param {(report: import('./types.js').Report) => void} parts.report
   */
  constructor({ store, name, crypto, time, report }) {
    this.#store = store;
    this.#name = name;
    this.#crypto = crypto;
    this.#time = time;
    this.#report = report;
  }

  /**
   * Headers of a request that is answered with the first tokens.
   * @param {string} method
   * @param {string} address
   * @returns {Promise<Record<string, string>>}
   */
  async entering(method, address) {
    return { dpop: await this.#prove(await this.#kept(), method, address) };
  }

  /**
   * Headers of a refresh of the session that this access token belongs to.
   * @param {string} method
   * @param {string} address
   * @param {string} token
   * @returns {Promise<Record<string, string>>}
   */
  async renewing(method, address, token) {
    const jkt = keyOf(token);
    return jkt === null ? {} : { dpop: await this.#prove(await this.#held(jkt), method, address) };
  }

  /**
   * Headers of a request with this access token. One from before proofs were wanted goes as it ever did.
   * @param {string} method
   * @param {string} address
   * @param {string} token
   * @returns {Promise<Record<string, string>>}
   */
  async using(method, address, token) {
    const { dpop } = await this.inMessage(method, address, token);
    return dpop === undefined ? { authorization: `Bearer ${token}` } : { authorization: `DPoP ${token}`, dpop };
  }

  /**
   * What goes along with this access token in a message that stands for a request.
   * @param {string} method
   * @param {string} address
   * @param {string} token
   * @returns {Promise<Record<string, string>>}
   */
  async inMessage(method, address, token) {
    const jkt = keyOf(token);
    return jkt === null ? {} : { dpop: await this.#prove(await this.#held(jkt), method, address, token) };
  }

  /**
   * Whether the key is here that this token is bound to.
   * @param {string} token
   */
  async holds(token) {
    const jkt = keyOf(token);
    return jkt !== null && (await this.#held(jkt)).jkt === jkt;
  }

  /**
   * Looks at when the server says it is, in an answer that refused a proof.
   * @param {Response} response
   * @returns {boolean} Whether another proof would have another time.
   */
  corrected(response) {
    const said = response.status === 401 ? Date.parse(response.headers.get('date') ?? '') : NaN;
    const ahead = said - this.#time.now();
    if (!(Math.abs(ahead - this.#aheadMs) > CLOCK_MS)) return false;
    this.#aheadMs = ahead;
    return true;
  }

  /**
   * The key of this name, or whichever is stored where that is another.
   * @param {string} jkt
   */
  async #held(jkt) {
    return this.#key?.jkt === jkt ? this.#key : this.#kept();
  }

  /** The key that is stored, looked at anew: another tab may have made it after the old one was cleared away. */
  async #kept() {
    const pair = (await this.#stored(() => this.#store.get(this.#name))) ?? (await this.#make());
    this.#key = await this.#describe(pair);
    return this.#key;
  }

  /** @returns {Promise<CryptoKeyPair>} */
  async #make() {
    const made = await this.#crypto.subtle.generateKey(KIND, false, ['sign', 'verify']);
    await this.#stored(() => this.#store.set(this.#name, made));
    return (await this.#stored(() => this.#store.get(this.#name))) ?? made;
  }

  /**
   * A store that fails is given up for memory.
   * @template Value
   * @param {() => Value | Promise<Value>} operation
   * @returns {Promise<Value>}
   */
  async #stored(operation) {
    try {
      return await operation();
    } catch (error) {
      if (this.#failed) throw error;
      this.#failed = true;
      this.#store = memoryKeys();
      this.#report({ code: 'storage_unavailable', message: `The key could not be kept, so it lives as long as this page: ${error}` });
      return await operation();
    }
  }

  /**
   * @param {CryptoKeyPair} pair
   * @returns {Promise<Key>}
   */
  async #describe(pair) {
    const { kty = '', crv = '', x = '', y = '' } = await this.#crypto.subtle.exportKey('jwk', pair.publicKey);
    // In the order of RFC 7638.
    const jkt = await this.#hash(JSON.stringify({ crv, kty, x, y }));
    return { pair, jwk: { kty, crv, x, y }, jkt };
  }

  /**
   * @param {Key} key
   * @param {string} method
   * @param {string} address
   * @param {string} [token]
   */
  async #prove({ pair, jwk }, method, address, token) {
    const { origin, pathname } = new URL(address);
    const head = { typ: 'dpop+jwt', alg: 'ES256', jwk };
    const body = {
      htm: method,
      htu: origin + pathname,
      iat: Math.floor((this.#time.now() + this.#aheadMs) / 1_000),
      jti: encode(this.#crypto.getRandomValues(new Uint8Array(16))),
      ...(token === undefined ? {} : { ath: await this.#hash(token) }),
    };
    const said = [head, body].map((part) => encode(new TextEncoder().encode(JSON.stringify(part)))).join('.');
    const signature = await this.#crypto.subtle.sign(SIGNATURE, pair.privateKey, new TextEncoder().encode(said));
    return `${said}.${encode(new Uint8Array(signature))}`;
  }

  /** @param {string} text */
  async #hash(text) {
    return encode(new Uint8Array(await this.#crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
  }
}

/** @param {Uint8Array} bytes */
function encode(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
