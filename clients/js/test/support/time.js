/**
 * Time that stands still until it is told to pass, and chance that is set. It may not know who waits.
 */

export class FakeTime {
  #now;
  #timers = new Set();
  #looking = new Set();

  constructor({ now = 1_800_000_000_000, random = 0.5 } = {}) {
    this.#now = now;
    this.chance = random;
    this.now = () => this.#now;
    this.random = () => this.chance;
    this.after = (callback, ms) => {
      const timer = { at: this.#now + Math.max(ms, 0), callback };
      this.#timers.add(timer);
      for (const look of [...this.#looking]) look();
      return { cancel: () => this.#timers.delete(timer) };
    };
  }

  get waiting() {
    return this.#timers.size;
  }

  /** Whether a timer is set that fires after exactly this time. */
  has(ms) {
    return [...this.#timers].some(({ at }) => at === this.#now + ms);
  }

  /** Resolves when there is one. */
  async set(ms) {
    if (this.has(ms)) return;
    await new Promise((resolve) => {
      const look = () => {
        if (!this.has(ms)) return;
        this.#looking.delete(look);
        resolve();
      };
      this.#looking.add(look);
    });
  }

  /** Lets time pass; timers fire in order, each at its time. */
  pass(ms) {
    const until = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = until;
  }

  /** The machine slept: time has passed, and timers are late. */
  sleep(ms) {
    this.#now += ms;
    this.pass(0);
  }
}
