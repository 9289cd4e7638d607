/**
 * Time: one seam, so that tests can set it. It may not know what it is asked for.
 */

/**
 * @typedef {object} Clock
 * @property {() => number} now Milliseconds since the Unix epoch; for expiry, and for people.
 * @property {() => number} uptime Milliseconds since some moment; never runs back.
 * @property {(callback: () => void, ms: number) => { cancel(): void }} after
 */

/** Timers that are set for longer fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** @type {Clock} */
export const systemClock = {
  now: () => Date.now(),
  uptime: () => performance.now(),
  after(callback, ms) {
    const timer = setTimeout(callback, Math.min(ms, TIMER_MAX_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};

/**
 * Waits, or until the signal says that nobody waits any more. Never rejects.
 * @param {Clock} clock
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(clock, ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(done, ms);
    signal.addEventListener('abort', done);
  });
}
