/**
 * The platform: what of a browser is there, looked up once and by name, because Node and React Native
 * have only some of it. It may not know what any of it is used for.
 */

/**
 * @typedef {object} EventSource
 * @property {(name: string, listener: (event: any) => void, options?: any) => void} addEventListener
 * @property {(name: string, listener: (event: any) => void, options?: any) => void} removeEventListener
 */
/** @typedef {{ postMessage(message: unknown): void, close(): void, onmessage: ((event: any) => void) | null }} Channel */
/** @typedef {{ request(name: string, options: { signal: AbortSignal }, run: () => Promise<any>): Promise<any> }} Locks */

/**
 * @typedef {object} Platform
 * @property {(EventSource & { readonly visibilityState: string }) | undefined} document
 * @property {EventSource | undefined} window
 * @property {string | undefined} origin The page's.
 * @property {() => boolean} online
 * @property {string} userAgent
 * @property {() => Storage | undefined} localStorage
 * @property {() => Storage | undefined} sessionStorage
 * @property {(new (name: string) => Channel) | undefined} BroadcastChannel
 * @property {Locks | undefined} locks
 * @property {Crypto | undefined} crypto One that can sign.
 * @property {() => IDBFactory | undefined} indexedDB
 * @property {() => string} uuid
 */

/**
 * @param {any} [scope]
 * @returns {Platform}
 */
export function platformOf(scope = globalThis) {
  const { document, navigator, location } = scope;
  const origin = location?.origin;
  return {
    document: typeof document?.addEventListener === 'function' ? document : undefined,
    window: document && typeof scope.addEventListener === 'function' ? scope : undefined,
    origin: typeof origin === 'string' && origin !== 'null' ? origin : undefined,
    online: () => navigator?.onLine !== false,
    userAgent: typeof navigator?.userAgent === 'string' ? navigator.userAgent : '',
    localStorage: () => scope.localStorage,
    sessionStorage: () => scope.sessionStorage,
    BroadcastChannel: typeof scope.BroadcastChannel === 'function' ? scope.BroadcastChannel : undefined,
    locks: typeof navigator?.locks?.request === 'function' ? navigator.locks : undefined,
    crypto: typeof scope.crypto?.subtle?.sign === 'function' ? scope.crypto : undefined,
    indexedDB: () => scope.indexedDB,
    uuid: () => uuid(scope.crypto),
  };
}

/** @param {any} crypto */
function uuid(crypto) {
  // `randomUUID` is missing on pages without TLS; `crypto` altogether in some React Native engines. A
  // device's id has to be unique, not secret.
  if (typeof crypto?.randomUUID === 'function') return crypto.randomUUID();
  const bytes = new Uint8Array(16);
  if (typeof crypto?.getRandomValues === 'function') crypto.getRandomValues(bytes);
  else bytes.forEach((_, index) => (bytes[index] = Math.floor(Math.random() * 256)));
  bytes[6] = (Number(bytes[6]) & 0x0f) | 0x40;
  bytes[8] = (Number(bytes[8]) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
