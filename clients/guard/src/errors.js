/**
 * Why a token is not accepted: one list of code, status and sentence, worded as the server words it. It may
 * not know who asks.
 */

import { sentenceOf } from './reasons.js';

const REALM = 'Bearer realm="sessionwire"';
/** RFC 6750 section 3. @param {string} description */
const invalid = (description) => `${REALM}, error="invalid_token", error_description="${description}"`;

/** @typedef {{ status: number, detail: string, challenge?: string, retryAfterS?: number }} Kind */

/** @satisfies {Record<string, Kind>} */
const KINDS = {
  token_missing: { status: 401, detail: 'send a token in the `Authorization: Bearer` header', challenge: REALM },
  token_invalid: { status: 401, detail: 'the token is not valid; sign in', challenge: invalid('the token is not valid') },
  token_expired: { status: 401, detail: 'the token has expired; refresh it', challenge: invalid('the token has expired') },
  session_ended: { status: 401, detail: 'the session has ended', challenge: invalid('the session has ended') },
  token_stale: {
    status: 401,
    detail: "the token's rights are out of date; refresh it and repeat the request",
    challenge: invalid("the token's rights are out of date"),
  },
  forbidden: { status: 403, detail: 'the token lacks the permission that this needs' },
  fenced: { status: 409, detail: 'a later session of the user has taken over; nothing was written' },
  cannot_decide: {
    status: 503,
    detail: "it can't be told at the moment whether the token is good; try again",
    retryAfterS: 1,
  },
};

/** @typedef {keyof typeof KINDS} Code */

/** A token, or a write, that is refused. */
export class GuardError extends Error {
  /**
   * @param {Code} code
   * @param {string} [reason] With `session_ended`: why.
   */
  constructor(code, reason) {
    /** @type {Kind} */
    const kind = KINDS[code];
    super(reason ? `${kind.detail}: ${sentenceOf(reason)}` : kind.detail);
    this.name = 'GuardError';
    /** What programs act on. */
    this.code = code;
    /** The HTTP status. */
    this.status = kind.status;
    /** Why the session ended. @type {string | undefined} */
    this.reason = reason;
  }

  /** The body of an HTTP answer: a problem (RFC 9457). */
  problem() {
    const words = this.code.replaceAll('_', ' ');
    return {
      type: `urn:sessionwire:error:${this.code}`,
      title: words.charAt(0).toUpperCase() + words.slice(1),
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.reason && { reason: this.reason }),
    };
  }

  /**
   * The headers that go with it.
   * @returns {Record<string, string>}
   */
  headers() {
    /** @type {Kind} */
    const { challenge, retryAfterS } = KINDS[this.code];
    return {
      'content-type': 'application/problem+json',
      ...(challenge && { 'www-authenticate': challenge }),
      ...(retryAfterS && { 'retry-after': String(retryAfterS) }),
    };
  }
}
