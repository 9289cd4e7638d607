/**
 * How long messages of the feed are under way: what came late is told from what happened late. It may not know
 * what they say.
 *
 * The two clocks differ by an amount that nobody knows, and each message adds its time under way. The least sum
 * of the last messages is that of the quickest, so what a message has beyond it is its delay.
 */

/** Messages that are compared: about a minute of heartbeats, since clocks drift and are set. */
const MESSAGES = 64;

export class Delays {
  /** @type {number[]} */
  #sums = [];

  /**
   * A message came at this uptime, sent at that time by the server's clock. Answers how much longer it was under
   * way than the quickest, in milliseconds; 0 where it does not say when it was sent.
   * @param {number} uptime
   * @param {unknown} sentMs
   */
  note(uptime, sentMs) {
    if (typeof sentMs !== 'number' || !Number.isFinite(sentMs)) return 0;
    const sum = uptime - sentMs;
    if (this.#sums.length >= MESSAGES) this.#sums.shift();
    this.#sums.push(sum);
    return sum - Math.min(...this.#sums);
  }
}
