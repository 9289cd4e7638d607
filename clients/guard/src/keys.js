/**
 * A key set (RFC 7517), and whether a token is genuine: signature, type, issuer and audience, by the rules of
 * RFC 8725. The algorithm is the key's, never the header's choice. It may not know where keys come from, nor
 * whether a token still holds.
 *
 * A key that can't be used is left out, so that a new kind of key takes nobody's tokens away; two keys of one
 * `kid` are both left out, since nobody can say which is meant.
 */

import { compactVerify, importJWK } from 'jose';

import { readClaims } from './claims.js';

/** Keys of one set. A set of more is none. */
const KEYS_MAX = 100;
const RSA_BITS_MIN = 2048;
/** The longest token that is looked at. */
export const TOKEN_LENGTH_MAX = 16 * 1024;

const COMPACT = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** Header members that change nothing. Any other brings a key or asks for an extension. */
const PLAIN = new Set(['typ', 'alg', 'kid', 'x5t', 'x5t#S256', 'url', 'nonce']);
const utf8 = new TextDecoder('utf-8', { fatal: true });
const TYPES = new Set(['at+jwt', 'application/at+jwt']);

/** @typedef {{ kid: string, alg: string, print: string, crypto: CryptoKey }} Key */
/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {{ kind: 'genuine', claims: Claims, key: Key } | { kind: 'forged' } | { kind: 'unknown_key' }} Finding */

/** @typedef {import('node:crypto').webcrypto.CryptoKey} CryptoKey */

export class KeySet {
  /** @type {Map<string, Key>} */
  #keys = new Map();

  /**
   * @param {unknown} jwks
   * @returns {Promise<KeySet | null>} Null where it is no key set.
   */
  static async read(jwks) {
    const keys = /** @type {{ keys?: unknown } | null} */ (jwks)?.keys;
    if (!Array.isArray(keys) || keys.length > KEYS_MAX) return null;
    const set = new KeySet();
    const times = new Map();
    for (const jwk of keys) times.set(jwk?.kid, (times.get(jwk?.kid) ?? 0) + 1);
    for (const jwk of keys) {
      if (typeof jwk?.kid !== 'string' || jwk.kid === '' || times.get(jwk.kid) > 1) continue;
      const key = await readKey(jwk);
      if (key) set.#keys.set(key.kid, key);
    }
    return set;
  }

  /** Whether this very key is in the set. @param {Key} key */
  holds(key) {
    return this.#keys.get(key.kid)?.print === key.print;
  }

  /**
   * Everything but expiry and revocation.
   * @param {string} token
   * @param {{ issuer: string, audience: string }} whom
   * @returns {Promise<Finding>}
   */
  async verify(token, whom) {
    const header = readHeader(token);
    if (!header) return { kind: 'forged' };
    const key = this.#keys.get(header.kid);
    if (!key) return { kind: 'unknown_key' };
    if (header.alg !== key.alg) return { kind: 'forged' };
    const claims = await readSigned(token, key);
    if (!claims || claims.iss !== whom.issuer || claims.aud !== whom.audience) return { kind: 'forged' };
    return { kind: 'genuine', claims, key };
  }
}

/** @param {Record<string, unknown>} jwk @returns {Promise<Key | null>} */
async function readKey(jwk) {
  const alg = algorithmOf(jwk);
  if (!alg) return null;
  try {
    const { d: _secret, ...open } = jwk;
    const crypto = /** @type {CryptoKey} */ (await importJWK({ ...open, ext: true }, alg));
    const bits = /** @type {{ modulusLength?: number }} */ (crypto.algorithm).modulusLength;
    if (bits !== undefined && bits < RSA_BITS_MIN) return null;
    return { kid: String(jwk.kid), alg, print: JSON.stringify([alg, jwk.x, jwk.y, jwk.n, jwk.e]), crypto };
  } catch {
    return null;
  }
}

/** @param {Record<string, unknown>} jwk */
function algorithmOf({ kty, crv, alg = '', use = '' }) {
  const fitting = kty === 'RSA' ? 'RS256' : kty === 'EC' && crv === 'P-256' ? 'ES256' : kty === 'OKP' && crv === 'Ed25519' ? 'EdDSA' : null;
  const isMeant = (alg === '' || alg === fitting) && (use === '' || use === 'sig');
  return isMeant ? fitting : null;
}

/**
 * What the header says, if the token has the form of one and its header asks for nothing.
 * @param {string} token
 * @returns {{ kid: string, alg: unknown } | null}
 */
function readHeader(token) {
  if (token.length > TOKEN_LENGTH_MAX) return null;
  const first = COMPACT.exec(token)?.[1];
  if (first === undefined) return null;
  try {
    const header = JSON.parse(Buffer.from(first, 'base64url').toString('utf8'));
    if (typeof header?.kid !== 'string' || typeof header.typ !== 'string') return null;
    if (!TYPES.has(header.typ.toLowerCase())) return null;
    const isPlain = Object.entries(header).every(([name, value]) => PLAIN.has(name) || value === null);
    return isPlain ? { kid: header.kid, alg: header.alg } : null;
  } catch {
    return null;
  }
}

/** @param {string} token @param {Key} key */
async function readSigned(token, { kid, alg, crypto }) {
  try {
    const { payload } = await compactVerify(token, crypto, { algorithms: [alg] });
    return readClaims(JSON.parse(utf8.decode(payload)), kid);
  } catch {
    return null;
  }
}
