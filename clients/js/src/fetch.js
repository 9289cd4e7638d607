/**
 * `session.fetch`: like `fetch`, with the token, for the server's origin and trusted ones. Repeats once,
 * after a refresh. It may not know what is asked for.
 */

import { SessionwireError } from './errors.js';
import { endedBecause } from './reasons.js';

/** What a fresh token cures, or the refresh finds out about. */
const CURABLE = ['token_stale', 'token_expired', 'invalid_dpop_proof'];

/**
 * @param {object} parts
 * @param {string} parts.base
 * @param {readonly string[]} parts.trustedOrigins
 * @param {typeof globalThis.fetch} parts.fetch
 * @param {import('./keeper.js').Keeper} parts.keeper
 * @param {import('./tokens.js').Tokens} parts.tokens
 * @param {boolean} parts.cookies
 * @param {boolean} parts.bound
 * @param {import('./proofs.js').Proofs | null} parts.proofs
 * @returns {typeof globalThis.fetch}
 */
export function tokenFetch({ base, trustedOrigins, fetch, keeper, tokens, cookies, bound, proofs }) {
  const trusted = new Set([new URL(base).origin, ...trustedOrigins.map((origin) => new URL(origin).origin)]);

  /** @type {(input: RequestInfo | URL, init?: RequestInit) => Promise<Response>} */
  return async (input, init = {}) => {
    const request = isRequest(input) ? input : null;
    const url = new URL(request ? request.url : String(input), `${base}/`);
    const headers = new Headers(init.headers ?? request?.headers);
    const generation = keeper.generation;
    const own = trusted.has(url.origin) && keeper.session !== null && !headers.has('authorization');
    if (!own) return fetch(request ?? url.href, init);

    const signal = init.signal ?? request?.signal;
    /**
     * @param {string} than
     * @returns {Promise<boolean>} Whether there is another token, of the same session.
     */
    const renew = async (than) => {
      const renewal = await unlessAborted(tokens.renew(than, { silent: false }), signal);
      return renewal.kind === 'done' && keeper.generation === generation;
    };
    /**
     * @param {string} token
     * @returns {Promise<Record<string, string>>}
     */
    const shown = async (token) =>
      proofs ? proofs.using(methodOf(init.method ?? request?.method), url.href, token) : { authorization: `Bearer ${token}` };
    const send = async () => {
      const session = keeper.session;
      if (!session || keeper.generation !== generation) throw notSignedIn();
      const target = request ? request.clone() : url.href;
      // The browser adds cookies by itself, to the origin that set them and no other.
      if (cookies) return fetch(target, { ...init, headers, credentials: 'include' });
      for (const [name, value] of Object.entries(await shown(session.grant.accessToken))) headers.set(name, value);
      // What the token is bound to goes to the server alone: others could not check it.
      if (bound && url.origin === new URL(base).origin) return fetch(target, { ...init, headers, credentials: 'include' });
      return fetch(target, { ...init, headers });
    };

    let refreshed = false;
    if (!tokens.usable) {
      refreshed = true;
      // Where the refresh fails for now, the request says so better than we could.
      await renew(keeper.session?.grant.accessToken ?? '');
    }
    const used = keeper.session?.grant.accessToken ?? '';
    const response = await send();
    const problem = await problemOf(response);
    if (problem?.code === 'session_ended' && keeper.session?.grant.accessToken === used && keeper.generation === generation) {
      keeper.end(endedBecause(typeof problem.reason === 'string' ? problem.reason : 'token_invalid'), { byPerson: false });
    }
    if (refreshed || !CURABLE.includes(problem?.code) || !(await renew(used)) || !isRepeatable(init.body)) return response;
    await response.body?.cancel().catch(() => {});
    return send();
  };
}

/**
 * As it goes out: `fetch` writes those that it knows in capitals.
 * @param {string} [method]
 */
function methodOf(method = 'GET') {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method;
}

/**
 * @param {unknown} input
 * @returns {input is Request}
 */
function isRequest(input) {
  return typeof Request !== 'undefined' && input instanceof Request;
}

/** @param {unknown} body */
function isRepeatable(body) {
  // A stream, or whatever a runtime takes besides, is used up by the first attempt.
  if (body === undefined || body === null || typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  const kinds = [globalThis.ArrayBuffer, globalThis.Blob, globalThis.FormData, globalThis.URLSearchParams];
  return kinds.some((kind) => typeof kind === 'function' && body instanceof kind);
}

/** @param {Response} response */
async function problemOf(response) {
  if (response.status !== 401) return null;
  try {
    return await response.clone().json();
  } catch {
    return null;
  }
}

function notSignedIn() {
  return new SessionwireError('not_signed_in', 'The session ended before the request could be sent.');
}

/**
 * @template Value
 * @param {Promise<Value>} promise
 * @param {AbortSignal | null | undefined} signal
 * @returns {Promise<Value>}
 */
async function unlessAborted(promise, signal) {
  if (!signal) return promise;
  signal.throwIfAborted();
  /** @type {() => void} */
  let abort = () => {};
  const aborted = new Promise((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (aborted)]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
