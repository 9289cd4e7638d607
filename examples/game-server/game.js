/**
 * The game: players come in with their tokens over Socket.IO and trade. It may not know how tokens are
 * checked, nor what a fence is.
 */

import { createServer } from 'node:http';
import { once } from 'node:events';
import { Server } from 'socket.io';

import { World } from './world.js';

/**
 * @param {import('sessionwire-guard').Guard} guard
 * @param {{ fencing?: boolean, port?: number }} [options]
 */
export async function startGame(guard, { fencing = true, port = 0 } = {}) {
  const world = new World((claims) => {
    if (fencing) guard.fenced(claims.sub).admit(claims);
  });
  const http = createServer();
  const io = new Server(http, { connectionStateRecovery: {} });
  io.use(guard.socketio());
  io.on('connection', (socket) => {
    const player = socket.data.auth;
    let bag = world.bag(player.sub);
    socket.emit('bag', bag);
    socket.on('give', ({ item, to }, answer) => {
      try {
        bag = world.give(socket.data.auth, bag, item, to);
        answer({ ok: true, bag });
      } catch (error) {
        answer({ ok: false, code: error.code ?? 'refused', message: error.message });
      }
    });
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  const { port: bound } = /** @type {import('node:net').AddressInfo} */ (http.address());
  return { url: `http://127.0.0.1:${bound}`, world, close: () => io.close() };
}
