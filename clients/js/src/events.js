/**
 * Server-sent events: reads them out of text that comes in pieces. Pure. It may not know what they mean.
 */

/** @typedef {{ name: string, id: string | null, data: string }} StreamEvent */

/** More than this in one event is none that the server sends. */
const LONGEST = 2_000_000;

export class EventReader {
  #rest = '';

  /**
   * @param {string} text
   * @returns {(StreamEvent | null)[]} null: a comment, which says that the server is there.
   */
  read(text) {
    const lines = (this.#rest + text).split('\n\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST) throw new RangeError('an event is too long');
    return lines.filter((block) => block !== '').map(readBlock);
  }
}

/** @param {string} block */
function readBlock(block) {
  const event = { name: '', id: /** @type {string | null} */ (null), data: '' };
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).replace(/^ /, '');
    if (colon > 0) take(event, line.slice(0, colon), value);
  }
  return event.name === '' ? null : event;
}

/**
 * @param {StreamEvent} event
 * @param {string} field
 * @param {string} value
 */
function take(event, field, value) {
  if (field === 'event') event.name = value;
  else if (field === 'id') event.id = value;
  else if (field === 'data') event.data = event.data === '' ? value : `${event.data}\n${value}`;
}
