/**
 * The keeper: the one place that holds the record, for this tab and, by the storage, for all. Everything
 * else asks it. What comes back late names the generation it belongs to and is refused when that is
 * over. It may not know the network, nor what an application hears.
 */

import { merge, NOTHING, readRecord } from './record.js';

/** @typedef {import('./types.js').Stored} Stored */
/** @typedef {import('./types.js').Kept} Kept */

export class Keeper {
  /** @type {Stored} */
  #record = NOTHING;
  #shelf;
  #key;
  #time;
  #changed;
  #written;
  /** @type {Promise<void>} */
  #writing = Promise.resolve();

  /**
   * @param {object} parts
   * @param {import('./storage.js').Shelf} parts.shelf
   * @param {string} parts.key
   * @param {import('./time.js').Time} parts.time
   * @param {(before: Stored, after: Stored) => void} parts.changed
   * @param {() => void} parts.written Other tabs may look now.
   */
  constructor({ shelf, key, time, changed, written }) {
    this.#shelf = shelf;
    this.#key = key;
    this.#time = time;
    this.#changed = changed;
    this.#written = written;
  }

  get generation() {
    return this.#record.generation;
  }

  get signedOut() {
    return this.#record.signedOut;
  }

  get session() {
    return this.#record.session;
  }

  get ended() {
    return this.#record.ended;
  }

  /** Takes over what other tabs have stored since. */
  async load() {
    const stored = readRecord(await this.#shelf.get(this.#key));
    this.#become(merge(this.#record, stored));
  }

  /**
   * Begins a generation with this session.
   * @param {Kept} session
   */
  begin(session) {
    const { generation, signedOut } = this.#record;
    this.#store({ generation: generation + 1, signedOut, mark: this.#mark(), session, ended: null });
  }

  /**
   * Begins a generation without a session.
   * @param {import('./types.js').Ended} ended
   * @param {{ byPerson: boolean }} how By the person: no sign-in that is under way may come after it.
   */
  end(ended, { byPerson }) {
    const record = this.#record;
    const generation = record.generation + 1;
    this.#store({
      generation,
      signedOut: byPerson ? generation : record.signedOut,
      mark: this.#mark(),
      session: null,
      ended: record.session ? ended : record.ended,
    });
  }

  /**
   * Changes the session of this generation.
   * @param {number} generation
   * @param {(session: Kept) => Kept} change
   * @returns {boolean} Whether that generation is still the present one.
   */
  advance(generation, change) {
    const record = this.#record;
    if (generation !== record.generation || !record.session) return false;
    const session = change(record.session);
    if (session !== record.session) this.#store({ ...record, session });
    return true;
  }

  /** When what is held here is stored. */
  settled() {
    return this.#writing;
  }

  /** @param {Stored} record */
  #store(record) {
    this.#become(Object.freeze(record));
    this.#writing = this.#writing.then(() => this.#write());
  }

  async #write() {
    await this.load();
    await this.#shelf.set(this.#key, JSON.stringify(this.#record));
    this.#written();
  }

  /** @param {Stored} record */
  #become(record) {
    const before = this.#record;
    if (record === before) return;
    this.#record = record;
    this.#changed(before, record);
  }

  #mark() {
    return this.#time.random().toString(36).slice(2);
  }
}
