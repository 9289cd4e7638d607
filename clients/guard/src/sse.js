/**
 * Server-sent events, from bytes to messages, within a bound. It may not know what messages mean.
 */

const LF = 10;
const CR = 13;

/** What was sent is longer than the bound, or no text. */
export class StreamFault extends Error {}

export class EventParser {
  /** @type {Buffer[]} Of a line that is not whole yet. */
  #pieces = [];
  /** Bytes of the message that is not whole yet, its unfinished line included. */
  #size = 0;
  #name = '';
  /** @type {string[]} */
  #data = [];
  #utf8 = new TextDecoder('utf-8', { fatal: true });

  /** @param {number} bytesMax Of one message. */
  constructor(bytesMax) {
    this.bytesMax = bytesMax;
  }

  /**
   * Takes in bytes; yields each message that they complete. Throws a `StreamFault`.
   * @param {Buffer} chunk
   * @returns {Generator<{ name: string, data: string }, void, void>}
   */
  *push(chunk) {
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(LF, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      this.#size += piece.length;
      if (this.#size > this.bytesMax) throw new StreamFault(`a message is longer than ${this.bytesMax} bytes`);
      this.#pieces.push(piece);
      if (end < 0) return;
      from = end + 1;
      const message = this.#line(this.#takeLine());
      if (message) yield message;
    }
  }

  #takeLine() {
    const line = this.#pieces.length === 1 ? /** @type {Buffer} */ (this.#pieces[0]) : Buffer.concat(this.#pieces);
    this.#pieces = [];
    const isCrLf = line.at(-1) === CR;
    try {
      return this.#utf8.decode(isCrLf ? line.subarray(0, -1) : line);
    } catch {
      throw new StreamFault('a line is no UTF-8');
    }
  }

  /** @param {string} line */
  #line(line) {
    if (line === '') return this.#finish();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.startsWith(' ', colon + 1) ? colon + 2 : colon + 1);
    if (field === 'event') this.#name = value;
    if (field === 'data') this.#data.push(value);
    return null;
  }

  #finish() {
    const message = { name: this.#name, data: this.#data.join('\n') };
    const isOne = this.#data.length > 0;
    this.#size = 0;
    this.#name = '';
    this.#data = [];
    return isOne ? message : null;
  }
}
