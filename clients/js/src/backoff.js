/**
 * Back-off: how long to wait before trying again. Exponential with full jitter, so that the clients of
 * a server that went away don't come back together. It may not know what is tried, nor look at a clock.
 */

export const BASE_MS = 500;
export const CAP_MS = 30_000;

/**
 * @param {number} attempt How many attempts have failed in a row; 1 after the first.
 * @param {number} random From 0 to 1, 1 excluded.
 * @returns {number} Milliseconds; anywhere between nothing and the bound of this attempt.
 */
export function backoff(attempt, random) {
  // Beyond this the cap holds anyway, and the power would leave the range of exact integers.
  const doublings = Math.min(Math.max(attempt - 1, 0), 16);
  return Math.floor(random * Math.min(CAP_MS, BASE_MS * 2 ** doublings));
}
