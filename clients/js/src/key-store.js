/**
 * Where a key lives: in the browser's IndexedDB, which keeps a key that no script can read, or in memory. The
 * first that is stored under a name stays, so that tabs that make one at the same time agree. It may not know
 * what a key is used for.
 */

/** @typedef {import('./types.js').KeyStore} KeyStore */

const DATABASE = 'sessionwire';
const STORE = 'keys';

/** @returns {KeyStore} */
export function memoryKeys() {
  const pairs = new Map();
  return {
    get: (name) => pairs.get(name),
    set: (name, pair) => void (pairs.has(name) || pairs.set(name, pair)),
  };
}

/**
 * @param {() => IDBFactory | undefined} factory Looking at it can throw already.
 * @returns {KeyStore}
 */
export function browserKeys(factory) {
  return {
    get: (name) => inStore(factory, 'readonly', (store) => store.get(name)),
    set: (name, pair) =>
      inStore(factory, 'readwrite', (store) => {
        const present = store.getKey(name);
        present.onsuccess = () => void (present.result === undefined && store.put(pair, name));
        return present;
      }),
  };
}

/**
 * @param {() => IDBFactory | undefined} factory
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} ask
 * @returns {Promise<any>} The answer, when it is as good as stored.
 */
async function inStore(factory, mode, ask) {
  const found = factory();
  if (!found) throw new Error('there is no IndexedDB here');
  const opening = found.open(DATABASE, 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
  const database = await new Promise((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  try {
    const transaction = database.transaction(STORE, mode);
    const request = ask(transaction.objectStore(STORE));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
    return request.result;
  } finally {
    database.close();
  }
}
