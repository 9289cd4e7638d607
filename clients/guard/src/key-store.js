/**
 * The server's public keys, kept fresh: fetched at the start, now and then, and when a token names one that
 * is not there. A failed fetch takes nothing away. It may not know what tokens say.
 */

import { KeySet } from './keys.js';
import { pause } from './time.js';

/** Between two fetches that nobody asks for. */
const FRESH_MS = 5 * 60_000;
/** Between two fetches that somebody asks for: tokens of invented keys must not become requests. */
const APART_MS = 5_000;
/** After a failure: the first and the longest wait. */
const AGAIN_MIN_MS = 250;
const AGAIN_MAX_MS = 30_000;
/** How long a token waits for its key. */
const PATIENCE_MS = 2_000;
const TIMEOUT_MS = 5_000;
const BYTES_MAX = 256 * 1024;

/**
 * @typedef {object} Parts
 * @property {import('./http.js').Http} http
 * @property {import('./time.js').Clock} clock
 * @property {import('./metrics.js').Counts} counts
 * @property {(keys: KeySet) => void} fetched
 * @property {(message: string) => void} failed
 */

export class KeyStore {
  /** Null until they were fetched. @type {KeySet | null} */
  keys = null;
  /** Whether the last fetch failed. */
  isFailing = false;
  #parts;
  /** @type {Promise<void> | null} */
  #fetching = null;
  /** When somebody last asked, by uptime. */
  #askedAt = -Infinity;
  #closing = new AbortController();

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Keeps them fresh for ever. */
  async follow() {
    const { clock } = this.#parts;
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      await this.#fetch();
      failures = this.isFailing ? failures + 1 : 0;
      const wait = this.isFailing ? Math.min(AGAIN_MIN_MS * 2 ** failures, AGAIN_MAX_MS) : FRESH_MS;
      await pause(clock, wait, signal);
    }
  }

  /** Fetches them because a token names an unknown one, unless that happened just now. Waits within bounds. */
  async ask() {
    const { clock } = this.#parts;
    if (!this.#fetching) {
      if (clock.uptime() - this.#askedAt < APART_MS) return;
      this.#askedAt = clock.uptime();
    }
    const waiting = new AbortController();
    await Promise.race([this.#fetch(), pause(clock, PATIENCE_MS, waiting.signal)]);
    waiting.abort();
  }

  /** Fetches them although that happened just now: they are others than a moment ago. */
  askAnew() {
    this.#askedAt = -Infinity;
    void this.#fetch();
  }

  close() {
    this.#closing.abort();
  }

  /** One fetch at a time. Never rejects. */
  #fetch() {
    this.#fetching ??= this.#fetchOnce().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #fetchOnce() {
    const { counts, fetched, failed } = this.#parts;
    const outcome = await this.#read();
    if (this.#closing.signal.aborted) return;
    this.isFailing = typeof outcome === 'string';
    counts.add(this.isFailing ? 'keys_failed' : 'keys_fetched');
    if (typeof outcome === 'string') return failed(outcome);
    this.keys = outcome;
    fetched(outcome);
  }

  /** The keys, or why there are none. */
  async #read() {
    try {
      const { status, text } = await this.#parts.http.call('/.well-known/jwks.json', { withKey: false, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX });
      if (status !== 200) return `the server answered ${status} instead of its keys`;
      return (await KeySet.read(JSON.parse(text))) ?? 'the answer is no key set';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
