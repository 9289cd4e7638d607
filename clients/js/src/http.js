/**
 * Calls of the server: JSON in, JSON out, refusals as errors with the server's code. Bounded in time. It
 * may not know tokens' lives, nor repeat anything.
 *
 * Where the tokens are in cookies, calls go one after the other: the browser has one pair of cookies, and
 * the last answer must be to the last question.
 */

import { closedError, SessionwireError } from './errors.js';

const TIMEOUT_MS = 15_000;

/** @typedef {{ status: number, body: any }} Answer */
/**
 * @typedef {object} How
 * @property {unknown} [body]
 * @property {string} [token] The access token, to be sent along; for a refresh, of the session in question.
 * @property {boolean} [lasting] May outlive the page.
 * @property {'entering' | 'renewing'} [proof] What proofs are for here; left out: for using the token.
 */

export class Api {
  #base;
  #fetch;
  #time;
  #cookies;
  #bound;
  #proofs;
  #closed = new AbortController();
  /** @type {Promise<unknown>} The call before. */
  #before = Promise.resolve();

  /**
   * @param {object} parts
   * @param {string} parts.base Without a slash at its end.
   * @param {typeof globalThis.fetch} parts.fetch
   * @param {import('./time.js').Time} parts.time
   * @param {boolean} parts.cookies
   * @param {boolean} parts.bound
   * @param {import('./proofs.js').Proofs | null} parts.proofs
   */
  constructor({ base, fetch, time, cookies, bound, proofs }) {
    this.#base = base;
    this.#fetch = fetch;
    this.#time = time;
    this.#cookies = cookies;
    this.#bound = bound;
    this.#proofs = proofs;
  }

  /**
   * A call that may be answered with tokens.
   * @param {string} path
   * @param {object} body
   * @param {{ anew?: boolean }} [how] Anew: not what an earlier call led to, so the tokens are bound by this one.
   */
  enter(path, body, { anew = false } = {}) {
    const tokens = this.#cookies ? '?tokens=cookie' : this.#bound ? '?tokens=bound' : '';
    return this.post(path + tokens, { body, proof: anew ? 'entering' : undefined });
  }

  /**
   * @param {{ refreshToken: string, accessToken: string }} grant
   * @param {{ lasting?: boolean }} [how]
   */
  refresh({ refreshToken, accessToken }, how) {
    const body = this.#cookies ? {} : { refresh_token: refreshToken };
    return this.post('/v1/token/refresh', { ...how, body, token: accessToken, proof: 'renewing' });
  }

  /**
   * @param {string} path
   * @param {How} [how]
   * @returns {Promise<Answer>}
   */
  async post(path, how = {}) {
    if (!this.#cookies) return this.#send(path, how);
    const call = this.#before.then(() => this.#send(path, how));
    this.#before = call.catch(() => {});
    return call;
  }

  /**
   * @param {string} path
   * @param {How} how
   * @returns {Promise<Answer>}
   */
  async #send(path, how) {
    const { body, lasting = false } = how;
    const call = this.#fetch;
    const proofs = this.#proofs;
    return this.#bounded(lasting, async (signal) => {
      const send = async () =>
        call(this.#base + path, {
          method: 'POST',
          headers: {
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            // Without proofs it goes out at once: the page may be about to close.
            ...(proofs ? await shown(proofs, this.#base + path, how) : this.#bearer(how)),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          cache: 'no-store',
          credentials: this.#cookies || this.#bound ? 'include' : 'omit',
          keepalive: lasting,
          signal,
        });
      const response = await send();
      return proofs?.corrected(response) ? send() : response;
    });
  }

  /**
   * @param {How} how
   * @returns {Record<string, string>}
   */
  #bearer({ token, proof }) {
    return token === undefined || this.#cookies || proof ? {} : { authorization: `Bearer ${token}` };
  }

  /**
   * What somebody else asked the server for, or a back end of the application's: its answer is the server's.
   * @param {(signal: AbortSignal) => Promise<Response>} ask
   * @returns {Promise<Answer>}
   */
  async through(ask) {
    return this.#bounded(false, ask);
  }

  /**
   * @param {boolean} lasting
   * @param {(signal: AbortSignal) => Promise<Response>} ask
   * @returns {Promise<Answer>}
   */
  async #bounded(lasting, ask) {
    const late = new AbortController();
    const abort = () => late.abort();
    if (!lasting) {
      if (this.#closed.signal.aborted) throw closedError();
      this.#closed.signal.addEventListener('abort', abort);
    }
    const timer = this.#time.after(abort, TIMEOUT_MS);
    try {
      const response = await ask(late.signal);
      return await read(response);
    } catch (error) {
      if (error instanceof SessionwireError) throw error;
      if (this.#closed.signal.aborted && !lasting) throw closedError();
      if (late.signal.aborted) throw new SessionwireError('timeout', 'The server did not answer in time.', { cause: error });
      throw new SessionwireError('network_error', 'The server could not be reached.', { cause: error });
    } finally {
      timer.cancel();
      this.#closed.signal.removeEventListener('abort', abort);
    }
  }

  /** Lets go of what is under way. */
  close() {
    this.#closed.abort();
  }
}

/**
 * @param {import('./proofs.js').Proofs} proofs
 * @param {string} address
 * @param {How} how
 * @returns {Promise<Record<string, string>>}
 */
async function shown(proofs, address, { token, proof }) {
  if (proof === 'entering') return proofs.entering('POST', address);
  if (token === undefined) return {};
  return proof === 'renewing' ? proofs.renewing('POST', address, token) : proofs.using('POST', address, token);
}

/**
 * @param {Response} response
 * @returns {Promise<Answer>}
 */
async function read(response) {
  const body = parse(await response.text());
  if (!response.ok) throw refusal(response, body ?? {});
  if (body === null) throw new SessionwireError('bad_answer', 'The answer is not what a Sessionwire server sends.', { status: response.status });
  return { status: response.status, body };
}

/**
 * @param {Response} response
 * @param {Record<string, unknown>} body
 */
function refusal(response, body) {
  const code = typeof body.code === 'string' ? body.code : 'bad_answer';
  const detail = typeof body.detail === 'string' ? body.detail : `The server answered ${response.status}.`;
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined;
  const more = { status: response.status, details: body };
  return new SessionwireError(code, detail, retryAfterMs === undefined ? more : { ...more, retryAfterMs });
}

/**
 * @param {string} text
 * @returns {any} The object, or null for anything else.
 */
function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
