/**
 * A lane over a WebSocket. It may not know what messages bring about, nor when to come back.
 */

import { readMessage } from './messages.js';

/** @typedef {import('./carrier.js').Lane} Lane */
/** @typedef {import('./carrier.js').LaneEvents} LaneEvents */

const SUBPROTOCOL = 'sessionwire.v1';
const OPEN = 1;

/**
 * @param {object} parts
 * @param {import('./types.js').SocketClass} parts.SocketClass
 * @param {string} parts.address
 * @param {(() => Promise<import('./messages.js').Said>) | null} parts.auth The first message; null where the handshake carries the token by itself.
 * @param {LaneEvents} parts.on
 * @returns {Lane}
 */
export function openWebSocket({ SocketClass, address, auth, on }) {
  const socket = new SocketClass(address, [SUBPROTOCOL]);
  /** @param {import('./messages.js').Said} message */
  const say = (message) => {
    if (socket.readyState !== OPEN) return false;
    try {
      socket.send(JSON.stringify(message));
      return true;
    } catch {
      return false;
    }
  };
  // Made only now: a proof in it is good for a minute.
  socket.onopen = () => void auth?.().then(say, () => on.over(0, ''));
  socket.onmessage = (event) => on.message(readMessage(event.data));
  socket.onclose = (event) => on.over(event.code ?? 0, event.reason ?? '');
  // A close follows, and says more.
  socket.onerror = () => {};
  return { transport: 'websocket', say, close: (dead) => letGo(socket, dead) };
}

/**
 * At once, whether or not the other side still answers.
 * @param {import('./types.js').SocketLike} socket
 * @param {boolean} dead It does not answer, so there is nobody to close it with.
 */
function letGo(socket, dead) {
  socket.onopen = null;
  socket.onmessage = null;
  socket.onclose = null;
  // `ws` throws what nobody listens to, and closing while connecting is an error to it.
  socket.onerror = () => {};
  try {
    if (dead && socket.terminate) socket.terminate();
    else socket.close(1000);
  } catch {
    // It was closed already.
  }
}
