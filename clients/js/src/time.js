/**
 * Time and chance: the one place where the package gets them, so that tests can set both. It may not
 * know what they are used for.
 */

/** @typedef {{ cancel(): void }} Timer */

/**
 * @typedef {object} Time
 * @property {() => number} now Milliseconds of the device's clock.
 * @property {() => number} random From 0 to 1, 1 excluded.
 * @property {(callback: () => void, ms: number) => Timer} after
 */

/** @type {Time} */
export const systemTime = Object.freeze({
  now: () => Date.now(),
  random: () => Math.random(),
  /** @type {Time['after']} */
  after(callback, ms) {
    // Longer than 2^31-1 ms would fire at once.
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), 2_147_483_647));
    return { cancel: () => clearTimeout(timer) };
  },
});
