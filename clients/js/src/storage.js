/**
 * Storage: texts under keys, in memory, in the browser or in what the application passes. A storage
 * that throws, or takes too long, is given up for memory, and that is reported once. It may not know
 * what the texts mean.
 */

/** @typedef {import('./types.js').TextStorage} TextStorage */

/** A storage that has not answered by now won't be waited for. */
const PATIENCE_MS = 5_000;

/** @returns {TextStorage} */
export function memoryStorage() {
  const texts = new Map();
  return {
    get: (key) => texts.get(key),
    set: (key, text) => texts.set(key, text),
    remove: (key) => texts.delete(key),
  };
}

/**
 * @param {() => Storage | undefined} open Looking at a browser's storage can throw already.
 * @returns {TextStorage}
 */
export function webStorage(open) {
  const storage = () => {
    const found = open();
    if (!found) throw new Error('there is none here');
    return found;
  };
  return {
    get: (key) => storage().getItem(key),
    set: (key, text) => storage().setItem(key, text),
    remove: (key) => storage().removeItem(key),
  };
}

/** A storage that never fails. */
export class Shelf {
  #storage;
  #memory = memoryStorage();
  #time;
  #report;
  #failed = false;

  /**
   * @param {TextStorage} storage
   * @param {import('./time.js').Time} time
   * @param {(report: import('./types.js').Report) => void} report
   */
  constructor(storage, time, report) {
    this.#storage = storage;
    this.#time = time;
    this.#report = report;
  }

  /**
   * @param {string} key
   * @returns {Promise<string | null>}
   */
  async get(key) {
    const text = await this.#attempt(() => this.#storage.get(key));
    return (this.#failed ? await this.#memory.get(key) : text) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} text
   */
  async set(key, text) {
    await this.#attempt(() => this.#storage.set(key, text));
    await this.#memory.set(key, text);
    // What an unwritable storage still holds is out of date, and may be a token. It may never answer.
    if (this.#failed) void Promise.resolve().then(() => this.#storage.remove(key)).catch(() => {});
  }

  /**
   * @template Value
   * @param {() => Value | Promise<Value>} operation
   * @returns {Promise<Value | undefined>}
   */
  async #attempt(operation) {
    if (this.#failed) return undefined;
    try {
      return await within(PATIENCE_MS, this.#time, operation());
    } catch (error) {
      if (!this.#failed) {
        this.#failed = true;
        this.#report({ code: 'storage_unavailable', message: `The storage failed, so memory is used: ${error}` });
      }
      return undefined;
    }
  }
}

/**
 * @template Value
 * @param {number} ms
 * @param {import('./time.js').Time} time
 * @param {Value | Promise<Value>} value
 * @returns {Promise<Value>}
 */
async function within(ms, time, value) {
  if (!(value instanceof Promise)) return value;
  /** @type {import('./time.js').Timer | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = time.after(() => reject(new Error('it did not answer')), ms);
  });
  try {
    return await Promise.race([value, /** @type {Promise<never>} */ (late)]);
  } finally {
    timer?.cancel();
  }
}
