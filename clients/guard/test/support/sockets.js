/**
 * Socket.IO servers behind a guard, and real clients of them. It may not know what is tested.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';

import { Server } from 'socket.io';
import { io as connect } from 'socket.io-client';

import { guardOf } from './guard.js';
import { startProxy } from './proxy.js';
import { startDemo } from './server.js';

/** A demo server, a guard that follows it (its feed can be cut), a Socket.IO server (its clients can be cut). */
export async function startSockets(t, { gate = {}, io: ioOptions = {}, guard: guardOptions = {}, demo: settings = {}, set } = {}) {
  const demo = await startDemo(t, settings);
  const feed = await startProxy(t, demo.url);
  const guard = guardOf(t, { url: feed.url, apiKey: demo.guardKey, issuer: demo.url, ...guardOptions });
  const { io, url } = await startIo(t, guard, { gate, io: ioOptions, set });
  const network = await startProxy(t, url);
  await guard.ready;
  return { demo, feed, guard, io, network, url: network.url };
}

export async function startIo(t, guard, { gate = {}, io: ioOptions = {}, set = (io, middleware) => io.use(middleware) } = {}) {
  const http = createServer();
  const io = new Server(http, ioOptions);
  set(io, guard.socketio(typeof gate === 'function' ? gate(io) : gate));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(async () => {
    await io.close();
    http.closeAllConnections();
  });
  return { io, url: `http://127.0.0.1:${http.address().port}` };
}

/** A client that writes down every event, in order. */
export function join(t, url, auth, { namespace = '', ...options } = {}) {
  const client = connect(url + namespace, {
    auth: typeof auth === 'string' ? { token: auth } : auth,
    transports: ['websocket'],
    reconnectionDelay: 20,
    reconnectionDelayMax: 50,
    forceNew: true,
    ...options,
  });
  client.log = [];
  const waiting = new Set();
  const note = (name, body) => {
    client.log.push([name, body]);
    for (const look of [...waiting]) look();
  };
  client.onAny((name, body) => note(name, body));
  for (const name of ['connect', 'disconnect']) client.on(name, (body) => note(name, body));
  // The network's own errors are no answer.
  client.on('connect_error', (error) => note(error.type === 'TransportError' ? 'unreachable' : 'connect_error', error.data ?? error.message));
  const first = (fits, from) =>
    new Promise((resolve) => {
      const look = () => {
        const entry = client.log.slice(from).find(([name]) => fits(name));
        if (!entry) return;
        waiting.delete(look);
        resolve(entry);
      };
      waiting.add(look);
      look();
    });
  /** Resolves with the body of the first entry of this name from an index on. */
  client.heard = async (name, from = 0) => (await first((it) => it === name, from))[1];
  /** Resolves with what the server answered a handshake. */
  client.answer = (from = 0) => first((it) => it === 'connect' || it === 'connect_error', from);
  client.names = () => client.log.map(([name]) => name);
  t.after(() => client.disconnect());
  return client;
}

/** The server's end of a client. */
export function farEnd(io, client, namespace = '/') {
  const socket = io.of(namespace).sockets.get(client.id);
  if (!socket) throw new Error('there is no such socket');
  return socket;
}
