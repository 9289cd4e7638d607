/**
 * A lane over server-sent events, read with `fetch`, because an `EventSource` can't send a token. There is no
 * way up. It may not know what messages bring about, nor when to come back.
 */

import { EventReader } from './events.js';
import { readEvent } from './messages.js';

/** @typedef {import('./carrier.js').Lane} Lane */
/** @typedef {import('./carrier.js').LaneEvents} LaneEvents */

/**
 * @typedef {object} Parts
 * @property {typeof globalThis.fetch} fetch
 * @property {string} address
 * @property {string | null} token null where the browser sends a cookie by itself.
 * @property {import('./proofs.js').Proofs | null} proofs
 * @property {boolean} [bound] The request carries what the token is bound to.
 * @property {number | null} heard The last message's `id`.
 * @property {LaneEvents} on
 */

/** What a refusal would have been as a close. Any other code of the server's bids come back. */
const CLOSES = new Map([
  ['token_expired', 4001],
  ['rate_limited', 4003],
  ['session_ended', 4501],
  ['token_invalid', 4500],
  ['token_missing', 4500],
  ['invalid_dpop_proof', 4500],
  ['forbidden', 4506],
]);
const CANNOT_DECIDE = 4005;

/**
 * @param {Parts} parts
 * @returns {Lane}
 */
export function openStream(parts) {
  const abort = new AbortController();
  const on = parts.on;
  // What comes of an aborted one is nobody's business any more.
  const over = (/** @type {number} */ code, /** @type {string} */ reason) => void (abort.signal.aborted || on.over(code, reason));
  void carry(parts, abort.signal).then(
    ([code, reason]) => over(code, reason),
    () => over(0, ''),
  );
  return { transport: 'sse', say: () => false, close: () => abort.abort() };
}

/**
 * @param {Parts} parts
 * @param {AbortSignal} signal
 * @returns {Promise<[number, string]>} How it ended.
 */
async function carry({ fetch, address, token, proofs, bound, heard, on }, signal) {
  const response = await fetch(address, {
    headers: {
      accept: 'text/event-stream',
      ...(token === null ? {} : proofs ? await proofs.using('GET', address, token) : { authorization: `Bearer ${token}` }),
      ...(heard === null ? {} : { 'last-event-id': String(heard) }),
    },
    cache: 'no-store',
    credentials: token === null || bound ? 'include' : 'omit',
    signal,
  });
  if (!response.ok) return refused(response, on);
  if (typeof response.body?.getReader !== 'function') {
    on.impossible();
    return [0, ''];
  }
  const events = new EventReader();
  const text = new TextDecoder();
  const pieces = response.body.getReader();
  for (;;) {
    const { done, value } = await pieces.read();
    if (done || signal.aborted) return [0, ''];
    for (const event of events.read(text.decode(value, { stream: true }))) {
      if (event === null) on.beat();
      else if (event.name === 'close') return closed(event.data);
      else on.message(readEvent(event.name, event.data));
      if (signal.aborted) return [0, ''];
    }
  }
}

/**
 * @param {string} data
 * @returns {[number, string]}
 */
function closed(data) {
  const { code, reason } = JSON.parse(data);
  return [Number(code), String(reason)];
}

/**
 * @param {Response} response
 * @param {LaneEvents} on
 * @returns {Promise<[number, string]>}
 */
async function refused(response, on) {
  const { code, reason } = await response.json().catch(() => ({}));
  // Not our server's word, but that of something in between.
  if (typeof code !== 'string') return [0, ''];
  if (code === 'not_found') {
    on.impossible();
    return [0, ''];
  }
  return [CLOSES.get(code) ?? CANNOT_DECIDE, typeof reason === 'string' ? reason : code];
}
