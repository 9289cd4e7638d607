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

export class Api {
  #base;
  #fetch;
  #time;
  #cookies;
  #bound;
  #closed = new AbortController();
  /** @type {Promise<unknown>} The call before. */
  #before = Promise.resolve();

  /**
   * @param {string} base Without a slash at its end.
   * @param {typeof globalThis.fetch} fetch
   * @param {import('./time.js').Time} time
   * @param {boolean} cookies
   * @param {boolean} [bound]
   */
  constructor(base, fetch, time, cookies, bound = false) {
    this.#base = base;
    this.#fetch = fetch;
    this.#time = time;
    this.#cookies = cookies;
    this.#bound = bound;
  }

  /**
   * A call that may be answered with tokens.
   * @param {string} path
   * @param {object} body
   */
  enter(path, body) {
    const tokens = this.#cookies ? '?tokens=cookie' : this.#bound ? '?tokens=bound' : '';
    return this.post(path + tokens, { body });
  }

  /**
   * @param {string} refreshToken
   * @param {{ lasting?: boolean }} [how]
   */
  refresh(refreshToken, how) {
    return this.post('/v1/token/refresh', { ...how, body: this.#cookies ? {} : { refresh_token: refreshToken } });
  }

  /**
   * @param {string} path
   * @param {{ body?: unknown, token?: string, lasting?: boolean }} [how] `lasting`: may outlive the page.
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
   * @param {{ body?: unknown, token?: string, lasting?: boolean }} how
   * @returns {Promise<Answer>}
   */
  async #send(path, { body, token, lasting = false }) {
    const call = this.#fetch;
    return this.#bounded(lasting, (signal) =>
      call(this.#base + path, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined || this.#cookies ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        cache: 'no-store',
        credentials: this.#cookies || this.#bound ? 'include' : 'omit',
        keepalive: lasting,
        signal,
      }),
    );
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
