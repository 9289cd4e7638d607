/**
 * Tells the server which tokens were accepted too late. It may not know how they are found.
 */

import { pause } from './time.js';
import { endsTokens, WHAT_MAX } from './uses.js';

/** Late uses that wait; more are counted as lost. */
const WAITING_MAX = 1_000;
/** Late uses of one report. */
const BATCH = 100;
/** How often one is tried. */
const TRIES = 5;
const AGAIN_MS = 1_000;
const TIMEOUT_MS = 5_000;
const BYTES_MAX = 16 * 1024;

/** @typedef {import('./uses.js').LateUse} LateUse */

export class Reports {
  #http;
  #clock;
  #counts;
  /** The name that the server knows this guard by, while it follows. @type {string | null} */
  #reader = null;
  /** @type {object[]} */
  #waiting = [];
  #isRunning = false;
  #closing = new AbortController();

  /** @param {{ http: import('./http.js').Http, clock: import('./time.js').Clock, counts: import('./metrics.js').Counts }} services */
  constructor({ http, clock, counts }) {
    this.#http = http;
    this.#clock = clock;
    this.#counts = counts;
  }

  /** Reports are in the name of a connection to the feed. @param {string | null} reader */
  known(reader) {
    this.#reader = reader;
  }

  /** @param {readonly LateUse[]} late */
  add(late) {
    this.#counts.add('late_found', late.length);
    const room = WAITING_MAX - this.#waiting.length;
    this.#waiting.push(...late.slice(0, room).map((use) => this.#bodyOf(use)));
    this.#counts.add('late_lost', Math.max(late.length - room, 0));
    if (!this.#isRunning && this.#waiting.length > 0) void this.#run();
  }

  close() {
    this.#closing.abort();
    this.#waiting = [];
  }

  async #run() {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const uses = this.#waiting.splice(0, BATCH);
      const isTold = await this.#tell(uses);
      this.#counts.add(isTold ? 'late_reported' : 'late_lost', uses.length);
    }
    this.#isRunning = false;
  }

  /** @param {object[]} uses */
  async #tell(uses) {
    for (let turn = 0; turn < TRIES && !this.#closing.signal.aborted; turn += 1) {
      if (turn > 0) await pause(this.#clock, AGAIN_MS * turn, this.#closing.signal);
      if (this.#reader && (await this.#send(this.#reader, uses))) return true;
    }
    return false;
  }

  /** @param {string} reader @param {object[]} uses */
  async #send(reader, uses) {
    const body = JSON.stringify({ reader, uses });
    const headers = { 'content-type': 'application/json' };
    try {
      const { status } = await this.#http.call('/v1/feed/late-uses', { method: 'POST', headers, body, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX });
      return status < 300;
    } catch {
      return false;
    }
  }

  /** @param {LateUse} use */
  #bodyOf({ claims, change, what, count, firstAt, lastAt }) {
    // Remembered by uptime, which nobody sets; told by the time of day.
    const offset = this.#clock.now() - this.#clock.uptime();
    const told = [...what.replace(/\p{Cc}/gu, '')].slice(0, WHAT_MAX).join('');
    return {
      session_id: claims.sid,
      user_id: claims.sub,
      jti: claims.jti,
      seq: change.seq,
      code: endsTokens(change) ? 'session_ended' : 'token_stale',
      what: told,
      count,
      first_at: new Date(firstAt + offset).toISOString(),
      last_at: new Date(lastAt + offset).toISOString(),
    };
  }
}
