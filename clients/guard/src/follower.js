/**
 * Follows the feed for ever: comes back after every end, later and later, never all guards at once. It may
 * not know what messages mean.
 */

import { Connection } from './connection.js';
import { pause } from './time.js';

/** The first and the longest wait before coming back. */
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 2_000;
/** Before coming back after the key was refused: that takes a person. */
const REFUSED_MS = 30_000;
/** As long as a server may send a guard away. */
const RETRY_AFTER_MAX_MS = 60_000;
/** Who is sent away sooner than this does not come back at once. */
const LASTING_MS = 1_000;

/** @typedef {import('./connection.js').End} End */

export class Follower {
  #parts;
  #failed;
  #closing = new AbortController();

  /**
   * @param {import('./connection.js').Parts} parts
   * @param {(end: End) => void} failed
   */
  constructor(parts, failed) {
    this.#parts = parts;
    this.#failed = failed;
  }

  async follow() {
    const { clock, counts } = this.#parts;
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      const connection = new Connection(this.#parts);
      const since = clock.uptime();
      const end = await connection.run();
      if (signal.aborted) return;
      failures = connection.hasHeard ? 0 : failures + 1;
      counts.add('feed_reconnects');
      this.#failed(end);
      const wasLasting = connection.hasHeard && clock.uptime() - since >= LASTING_MS;
      await pause(clock, waitOf(end, failures, wasLasting), signal);
    }
  }

  close() {
    this.#closing.abort();
  }
}

/**
 * How long to stay away: full jitter, so that a thousand guards don't come back at once.
 * @param {End} end
 * @param {number} failures
 * @param {boolean} wasLasting
 */
function waitOf(end, failures, wasLasting) {
  if (end.cause === 'refused') return REFUSED_MS;
  if (end.cause === 'ended' && wasLasting) return 0;
  const ceiling = Math.min(BACKOFF_MIN_MS * 2 ** Math.min(failures, 10), BACKOFF_MAX_MS);
  return Math.min(end.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS) + Math.random() * ceiling;
}
