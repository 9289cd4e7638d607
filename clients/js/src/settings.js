/**
 * Settings: the application's options, checked, with what the platform gives where nothing was said. It may
 * not know what they are used for.
 */

import { browserKeys, memoryKeys } from './key-store.js';
import { platformOf } from './platform.js';
import { systemTime } from './time.js';

/**
 * @typedef {object} Settings
 * @property {string} base Without a slash at its end.
 * @property {'memory' | 'local' | import('./types.js').TextStorage} storage
 * @property {boolean} cookies The tokens are in cookies, and the storage holds everything else.
 * @property {boolean} bound The tokens are good only beside a cookie.
 * @property {{ store: import('./types.js').KeyStore, crypto: Crypto } | null} dpop What binds the tokens to a key.
 * @property {NonNullable<import('./types.js').Options['device']>} device
 * @property {string} namespace
 * @property {readonly string[]} trustedOrigins
 * @property {number | undefined} idleAfterMs
 * @property {typeof globalThis.fetch} fetch
 * @property {import('./types.js').SocketClass | undefined} SocketClass Without one there is the stream.
 * @property {import('./time.js').Time} time
 * @property {import('./platform.js').Platform} platform
 */

/**
 * @param {import('./types.js').Options} options
 * @returns {Settings}
 */
export function readOptions(options) {
  const { storage = 'memory', bound = false, dpop = false, device = {}, namespace = 'default', trustedOrigins = [], idleAfterMs } = options;
  const { time = systemTime, platform = platformOf() } = options.internals ?? {};
  const url = options.url || platform.origin;
  if (!url) throw new TypeError('Outside a page, createSession needs `url`: the address of the server.');
  const { origin, pathname, protocol } = new URL(url, platform.origin);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('`url` must begin with http: or https:.');
  const cookies = storage === 'cookie';
  if (cookies && !platform.document) throw new TypeError("`storage: 'cookie'` is for pages: only a browser keeps cookies.");
  if (!cookies && storage !== 'memory' && storage !== 'local' && typeof storage?.get !== 'function') {
    throw new TypeError("`storage` is 'memory', 'local', 'cookie' or an object with get, set and remove.");
  }
  if (bound && (cookies || !platform.document)) {
    throw new TypeError("`bound` is for pages whose tokens are not in cookies: only a browser keeps the cookie that they are bound to.");
  }
  if (dpop && cookies) throw new TypeError("`dpop` is for tokens that are not in cookies: no script sees those, so none can be carried away.");
  const fetch = options.fetch ?? globalThis.fetch;
  if (typeof fetch !== 'function') throw new TypeError('There is no fetch here: pass one as `fetch`.');
  const SocketClass = options.WebSocket ?? globalThis.WebSocket;
  return {
    base: origin + pathname.replace(/\/+$/, ''),
    storage: cookies ? 'local' : storage,
    cookies,
    bound,
    dpop: dpop ? keysOf(options, platform) : null,
    device,
    namespace,
    trustedOrigins,
    idleAfterMs,
    // Browsers refuse a fetch that is called as somebody's method.
    fetch: (input, init) => fetch(input, init),
    SocketClass: typeof SocketClass === 'function' ? SocketClass : undefined,
    time,
    platform,
  };
}

/**
 * @param {import('./types.js').Options} options
 * @param {import('./platform.js').Platform} platform
 */
function keysOf({ keyStore }, platform) {
  if (!platform.crypto) throw new TypeError('`dpop` needs WebCrypto: in a browser, a page over HTTPS or from localhost.');
  return { store: keyStore ?? (platform.document ? browserKeys(platform.indexedDB) : memoryKeys()), crypto: platform.crypto };
}
