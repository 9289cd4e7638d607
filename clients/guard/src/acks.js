/**
 * Tells the server how far the feed has been applied: one request at a time, the latest position wins. It may
 * not know what was applied.
 */

import { pause } from './time.js';

const TIMEOUT_MS = 5_000;
const AGAIN_MS = 200;
const BYTES_MAX = 16 * 1024;

export class Acks {
  #http;
  #clock;
  /** @type {number | null} */
  #told = null;
  /** @type {number | null} */
  #position = null;
  #isRunning = false;
  #ending = new AbortController();
  #reader;

  /**
   * @param {{ http: import('./http.js').Http, clock: import('./time.js').Clock }} services
   * @param {string} reader The name that the server knows this connection by.
   */
  constructor({ http, clock }, reader) {
    this.#http = http;
    this.#clock = clock;
    this.#reader = reader;
  }

  /** Everything up to this position has been applied. @param {number} position */
  applied(position) {
    this.#position = position;
    if (!this.#isRunning && this.#told !== position) void this.#run();
  }

  /** The connection is gone, and with it the reader's name. */
  end() {
    this.#ending.abort();
  }

  async #run() {
    this.#isRunning = true;
    while (this.#told !== this.#position && !this.#ending.signal.aborted) {
      const seq = this.#position;
      if (await this.#tell(seq)) this.#told = seq;
      else await pause(this.#clock, AGAIN_MS, this.#ending.signal);
    }
    this.#isRunning = false;
  }

  /** @param {number | null} seq */
  async #tell(seq) {
    const body = JSON.stringify({ reader: this.#reader, seq });
    const headers = { 'content-type': 'application/json' };
    try {
      const { status } = await this.#http.call('/v1/feed/acks', { method: 'POST', headers, body, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX });
      return status < 300;
    } catch {
      return false;
    }
  }
}
