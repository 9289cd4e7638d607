/**
 * Turns: which tab of a profile may rotate the refresh token now. With a lock one after the other; where there
 * is none, or it is never given, apart in time. It may not know what a token is.
 *
 * The server takes a token that was rotated once; a request that is still on its way when the token is rotated
 * a second time looks like a thief's. So a tab that is not alone leaves the others this long to arrive.
 */

/** How long to queue behind other tabs. */
const LOCK_PATIENCE_MS = 5_000;
/** How long after a rotation the next one keeps off, so that requests with the token before it have arrived. */
const APART_MS = 5_000;

export class Turns {
  #time;
  #locks;
  #name;
  #shared;
  /** @type {Set<() => void>} */
  #waiting = new Set();
  #closed = false;

  /**
   * @param {object} parts
   * @param {import('./time.js').Time} parts.time
   * @param {import('./platform.js').Locks | undefined} parts.locks
   * @param {string} parts.name
   * @param {boolean} parts.shared Whether there may be other tabs at all.
   */
  constructor({ time, locks, name, shared }) {
    this.#time = time;
    this.#locks = locks;
    this.#name = name;
    this.#shared = shared;
  }

  /**
   * @template Value
   * @param {(alone: boolean) => Promise<Value>} run Alone: no other tab runs meanwhile.
   * @returns {Promise<Value>}
   */
  async take(run) {
    if (!this.#shared) return run(true);
    if (!this.#locks) return run(false);
    const patience = new AbortController();
    const timer = this.#time.after(() => patience.abort(), LOCK_PATIENCE_MS);
    let held = false;
    try {
      return await this.#locks.request(this.#name, { signal: patience.signal }, () => {
        held = true;
        timer.cancel();
        return run(true);
      });
    } catch (error) {
      if (held) throw error;
      return await run(false);
    } finally {
      timer.cancel();
    }
  }

  /**
   * Returns once a rotation of this moment is long enough ago, or at the close.
   * @param {number} rotatedAt
   * @returns {Promise<void>}
   */
  async keepOff(rotatedAt) {
    const now = this.#time.now();
    // A clock that was set back must not keep anybody waiting for longer.
    const left = Math.min(rotatedAt + APART_MS - now, APART_MS);
    if (left <= 0 || this.#closed) return;
    await new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#waiting.delete(done);
        resolve(undefined);
      };
      const timer = this.#time.after(done, left);
      this.#waiting.add(done);
    });
  }

  close() {
    this.#closed = true;
    for (const done of [...this.#waiting]) done();
  }
}
