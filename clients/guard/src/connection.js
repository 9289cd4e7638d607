/**
 * One connection of the feed: asks for it from a position, takes its messages in, acknowledges, and says why
 * it ended. It may not know what changes mean, nor whether there will be another connection.
 */

import { Acks } from './acks.js';
import { isPosition, isUuid } from './claims.js';
import { FeedFault } from './feed-state.js';
import { EventParser, StreamFault } from './sse.js';

/** How long the answer, and the first message, may take. */
const PATIENCE_MS = 5_000;
/** A connection that is silent for so many heartbeats is none. */
const SILENT_BEATS = 3;
/** The fastest and the slowest heartbeat that is believed. */
const BEAT_MIN_MS = 500;
const BEAT_MAX_MS = 60_000;
/** The longest message: a thousand changes of long names fit. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

/** @typedef {'refused' | 'unreachable' | 'silent' | 'gap' | 'unreadable' | 'too_large' | 'problem' | 'cut' | 'ended'} Cause */
/** @typedef {{ cause: Cause, message: string, retryAfterMs?: number }} End */

/**
 * @typedef {object} Parts
 * @property {import('./http.js').Http} http
 * @property {import('./time.js').Clock} clock
 * @property {import('./following.js').Following} following
 * @property {import('./metrics.js').Counts} counts
 * @property {(taken: import('./feed-state.js').Taken, inSyncAt: number | null) => void} taken
 * @property {(reader: string | null) => void} known
 */

class Problem extends Error {}

export class Connection {
  /** Whether a message moved or confirmed the position. */
  hasHeard = false;
  #parts;
  /** @type {Acks | null} */
  #acks = null;
  #silenceMs = PATIENCE_MS;
  #isSilent = false;
  /** @type {import('node:http').IncomingMessage | null} */
  #response = null;
  /** @type {{ cancel(): void } | null} */
  #patience = null;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Connects and goes on until something ends it. Never rejects. @returns {Promise<End>} */
  async run() {
    try {
      return await this.#read();
    } catch (error) {
      return this.#endOf(error);
    } finally {
      this.#patience?.cancel();
      this.#acks?.end();
      this.#response?.destroy();
      this.#parts.known(null);
    }
  }

  /** @returns {Promise<End>} */
  async #read() {
    const { http, following } = this.#parts;
    const position = following.beginAnew();
    const headers = { accept: 'text/event-stream', ...(position !== null && { 'last-event-id': String(position) }) };
    const response = await http.open('/v1/feed', { headers, timeoutMs: PATIENCE_MS });
    this.#response = response;
    const { statusCode: status = 0 } = response;
    if (status === 401 || status === 403) return { cause: 'refused', message: `the server did not take the key (${status})` };
    const isStream = /^text\/event-stream\b/.test(response.headers['content-type'] ?? '');
    if (status !== 200 || !isStream) {
      const retryAfterMs = (Number(response.headers['retry-after']) || 0) * 1000;
      return { cause: 'unreachable', message: `the server answered ${status} instead of the feed`, retryAfterMs };
    }
    this.#listen();
    const parser = new EventParser(MESSAGE_BYTES_MAX);
    for await (const chunk of response) {
      for (const { name, data } of parser.push(chunk)) this.#take(name, data);
    }
    return { cause: 'ended', message: 'the connection ended' };
  }

  /** Bytes that complete no message are silence too. */
  #listen() {
    this.#patience?.cancel();
    this.#patience = this.#parts.clock.after(() => {
      this.#isSilent = true;
      this.#response?.destroy();
    }, this.#silenceMs);
  }

  /** @param {string} name @param {string} data */
  #take(name, data) {
    const { following, counts, known } = this.#parts;
    const body = parsed(data);
    counts.add('feed_messages');
    if (name === 'hello') {
      if (!isUuid(body?.reader) || !isPosition(body.head) || !isPosition(body.heartbeat_ms)) throw new FeedFault('unreadable');
      this.#silenceMs = Math.min(Math.max(body.heartbeat_ms, BEAT_MIN_MS), BEAT_MAX_MS) * SILENT_BEATS;
      this.#acks?.end();
      this.#acks = new Acks(this.#parts, body.reader);
      known(body.reader);
    }
    if (name === 'problem') throw new Problem(`the server ended the feed: ${String(body?.code).slice(0, 100)}`);
    this.#listen();
    const { inSyncAt } = following;
    const taken = following.take(name, body);
    if (taken.kind !== 'nothing') this.#parts.taken(taken, inSyncAt);
    if (taken.kind === 'moved' || taken.kind === 'begun') {
      this.hasHeard = true;
      // Last: whoever trusts the acknowledgement trusts that everything has been done.
      if (following.position !== null) this.#acks?.applied(following.position);
    }
  }

  /** @param {unknown} error @returns {End} */
  #endOf(error) {
    if (this.#isSilent) return { cause: 'silent', message: 'the server fell silent' };
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof FeedFault) return { cause: error.fault, message };
    if (error instanceof StreamFault) return { cause: 'unreadable', message };
    if (error instanceof Problem) return { cause: 'problem', message };
    return { cause: this.#response ? 'cut' : 'unreachable', message };
  }
}

/** @param {string} data */
function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    throw new FeedFault('unreadable');
  }
}
