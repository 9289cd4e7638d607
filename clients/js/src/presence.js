/**
 * Presence: when the person was last here, in this tab or another. It may not know what follows from it.
 */

/** What a page takes for a sign of life. */
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'scroll'];
/** Signs within this time are one. */
const ONE_SIGN_MS = 1_000;
/** How often other tabs are told. */
const TELL_TABS_MS = 10_000;
/** How often the server is told; it ignores more. */
const TELL_SERVER_MS = 60_000;
/**
 * How long a page that nobody touches goes on hearing the server. Longer than most people read without
 * moving; a session idles out that much later than its policy says.
 */
const IDLE_AFTER_MS = 30 * 60_000;

export class Presence {
  #time;
  #document;
  #idleAfterMs;
  #on;
  /** A program that has just started was started by somebody. */
  #lastAt;
  #toldTabsAt = -Infinity;
  #toldServerAt = -Infinity;
  #listener = () => this.note();

  /**
   * @param {object} parts
   * @param {import('./time.js').Time} parts.time
   * @param {import('./platform.js').Platform['document']} parts.document
   * @param {number | undefined} parts.idleAfterMs
   * @param {{ person: () => void, tellTabs: () => void, tellServer: () => boolean }} parts.on
   */
  constructor({ time, document, idleAfterMs, on }) {
    this.#time = time;
    this.#document = document;
    // Without a page nobody can be seen, and a program that runs is used.
    this.#idleAfterMs = idleAfterMs ?? (document ? IDLE_AFTER_MS : Infinity);
    this.#on = on;
    this.#lastAt = time.now();
    for (const sign of SIGNS) document?.addEventListener(sign, this.#listener, { passive: true, capture: true });
  }

  /** The person is here. */
  note() {
    const now = this.#time.now();
    // A clock that was set back must not silence the person.
    if (Math.abs(now - this.#lastAt) < ONE_SIGN_MS && this.#toldTabsAt !== -Infinity) return;
    if (Math.abs(now - this.#toldTabsAt) >= TELL_TABS_MS) {
      this.#toldTabsAt = now;
      this.#on.tellTabs();
    }
    if (Math.abs(now - this.#toldServerAt) >= TELL_SERVER_MS && this.#on.tellServer()) this.#toldServerAt = now;
    this.noteElsewhere();
  }

  /** The person is here, in another tab. */
  noteElsewhere() {
    this.#lastAt = this.#time.now();
    this.#on.person();
  }

  /**
   * Whether a token of this age may be refreshed without being asked for.
   * @param {number} obtainedAt
   */
  allowsRefresh(obtainedAt) {
    return this.#lastAt > obtainedAt || this.#time.now() - this.#lastAt < this.#idleAfterMs;
  }

  close() {
    for (const sign of SIGNS) this.#document?.removeEventListener(sign, this.#listener, { capture: true });
  }
}
