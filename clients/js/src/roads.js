/**
 * Which way to take: the WebSocket, or the stream where no WebSocket gets through. Remembers what worked. It
 * may not know how either is opened.
 *
 * The stream is tried only right after a WebSocket has failed without a word, and kept only if it works: so a
 * device without a network, or whose server is away, stays with the WebSocket.
 */

/** @typedef {'websocket' | 'sse'} Transport */

/** How long a stream that works is kept before the WebSocket is tried again; doubled each time it fails. */
export const BACK_MS = { first: 120_000, longest: 3_600_000 };

export class Roads {
  #time;
  #sockets;
  #streams = true;
  /** WebSockets that failed without a word, in a row. */
  #failures = 0;
  #onStream = false;
  #wait = BACK_MS.first;
  #backAt = 0;

  /**
   * @param {import('./time.js').Time} time
   * @param {boolean} sockets Whether there are WebSockets at all.
   */
  constructor(time, sockets) {
    this.#time = time;
    this.#sockets = sockets;
  }

  /** @returns {readonly Transport[]} What to try, one after the other. */
  order() {
    if (!this.#sockets) return ['sse'];
    if (!this.#streams || this.#failures === 0) return ['websocket'];
    return this.#onStream && this.#time.now() < this.#backAt ? ['sse'] : ['websocket', 'sse'];
  }

  /** @param {Transport} transport It brought a message. */
  worked(transport) {
    this.#onStream = transport === 'sse';
    if (transport === 'sse') return;
    this.#failures = 0;
    this.#wait = BACK_MS.first;
  }

  /** @param {Transport} transport It failed without a word from the server. */
  failed(transport) {
    if (transport === 'sse') {
      this.#onStream = false;
      return;
    }
    if (this.#onStream) this.#wait = Math.min(this.#wait * 2, BACK_MS.longest);
    this.#failures += 1;
    this.#backAt = this.#time.now() + this.#wait;
  }

  /** No stream can be had here, or of this server. */
  noStreams() {
    this.#streams = false;
  }

  /** Another network, perhaps. */
  changed() {
    this.#backAt = 0;
  }
}
