/**
 * What a guard decides by, and how old that is. It may not know how it is told.
 */

import { Delays } from './delays.js';
import { FeedState } from './feed-state.js';

/** @typedef {{ uptime: number, now: number }} Moment */

export class Following {
  /** The server's head when this connection began. */
  #headAtStart = 0;
  /** When everything that the server had was known. @type {Moment | null} */
  #inSyncAt = null;
  #startedAt;
  #clock;
  #maxLagMs;
  #entriesMax;
  #state = new FeedState();
  #delays = new Delays();
  #delayMs = 0;

  /** @param {{ clock: import('./time.js').Clock, maxFeedLagMs: number, indexSizeMax: number }} settings */
  constructor({ clock, maxFeedLagMs, indexSizeMax }) {
    this.#clock = clock;
    this.#maxLagMs = maxFeedLagMs;
    this.#entriesMax = indexSizeMax;
    this.#startedAt = clock.uptime();
  }

  /** Null until it is whole. */
  get index() {
    return this.#state.index;
  }

  get position() {
    return this.#state.position;
  }

  /** When everything was known, by uptime; null where it never was. */
  get inSyncAt() {
    return this.#inSyncAt?.uptime ?? null;
  }

  /** How long the last message was under way, beyond what it must. */
  get delayMs() {
    return this.#delayMs;
  }

  /** How old the knowledge is; where there never was any, since the beginning. */
  get lagMs() {
    const moment = this.#moment();
    return this.#inSyncAt ? between(this.#inSyncAt, moment) : moment.uptime - this.#startedAt;
  }

  /** Whether what is known is young enough to decide by. @param {Moment} [moment] */
  isFresh(moment = this.#moment()) {
    const at = this.#inSyncAt;
    return at !== null && this.#state.index !== null && between(at, moment) <= this.#maxLagMs;
  }

  /** A new request goes out. Answers the position to go on from. */
  beginAnew() {
    this.#state.beginAnew();
    return this.#state.position;
  }

  /**
   * Takes in a message. Throws a `FeedFault`.
   * @param {string} name
   * @param {any} body
   */
  take(name, body) {
    const taken = this.#state.take(name, body, this.#entriesMax);
    if (name === 'hello') this.#headAtStart = body.head;
    if (name === 'hello' || name === 'changes') this.#delayMs = this.#delays.note(this.#clock.uptime(), body.now_ms);
    if (taken.kind === 'forgot') this.#inSyncAt = null;
    const head = taken.kind === 'moved' ? body.head : this.#headAtStart;
    const isNews = taken.kind === 'moved' || taken.kind === 'begun';
    if (isNews && body.seq >= head) this.#inSyncAt = this.#moment();
    return taken;
  }

  /** @returns {Moment} */
  #moment() {
    return { uptime: this.#clock.uptime(), now: this.#clock.now() };
  }
}

/** Uptime stands still while the machine sleeps; the time of day does not, but may be set. @param {Moment} at @param {Moment} moment */
function between(at, moment) {
  return Math.max(moment.uptime - at.uptime, moment.now - at.now);
}
