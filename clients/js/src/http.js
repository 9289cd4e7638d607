/**
 * Calls of the server: JSON in, JSON out, refusals as errors with the server's code. Bounded in time. It
 * may not know tokens' lives, nor repeat anything.
 */

import { closedError, SessionwireError } from './errors.js';

const TIMEOUT_MS = 15_000;

/** @typedef {{ status: number, body: any }} Answer */

export class Api {
  #base;
  #fetch;
  #time;
  #closed = new AbortController();

  /**
   * @param {string} base Without a slash at its end.
   * @param {typeof globalThis.fetch} fetch
   * @param {import('./time.js').Time} time
   */
  constructor(base, fetch, time) {
    this.#base = base;
    this.#fetch = fetch;
    this.#time = time;
  }

  /**
   * @param {string} path
   * @param {{ body?: unknown, token?: string, lasting?: boolean }} [how] `lasting`: may outlive the page.
   * @returns {Promise<Answer>}
   */
  async post(path, { body, token, lasting = false } = {}) {
    const late = new AbortController();
    const abort = () => late.abort();
    if (!lasting) {
      if (this.#closed.signal.aborted) throw closedError();
      this.#closed.signal.addEventListener('abort', abort);
    }
    const timer = this.#time.after(abort, TIMEOUT_MS);
    try {
      const call = this.#fetch;
      const response = await call(this.#base + path, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        cache: 'no-store',
        credentials: 'omit',
        keepalive: lasting,
        signal: late.signal,
      });
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
