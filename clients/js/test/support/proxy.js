/**
 * A proxy before the server, as offices have them: passes requests on, and does with upgrades what it is
 * told. It may not know what it passes on.
 */

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import { connect } from 'node:net';

/** `upgrades`: 'refused', 'swallowed' (never answered) or 'passed'. Both can be set at any time. */
export async function startProxy(t, target, { upgrades = 'refused' } = {}) {
  const { hostname, port } = new URL(target);
  const proxy = { upgrades, upgradesSeen: 0, streams: 0, cut: false, url: '', drop: () => {} };
  const sockets = new Set();
  const server = createServer((request, response) => {
    if (proxy.cut) return void request.socket.destroy();
    if (request.url?.startsWith('/v1/stream')) proxy.streams += 1;
    // The host that was asked for goes on, so that the server knows its own origin.
    const options = { hostname, port, path: request.url, method: request.method, headers: request.headers };
    const passed = ask(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (request, socket) => {
    proxy.upgradesSeen += 1;
    socket.on('error', () => {});
    if (proxy.cut) return socket.destroy();
    if (proxy.upgrades === 'refused') return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    if (proxy.upgrades === 'swallowed') return undefined;
    const up = connect(Number(port), hostname, () => {
      const head = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      up.write(`${request.method} ${request.url} HTTP/1.1\r\n${head.join('')}\r\n`);
      up.pipe(socket).pipe(up);
    });
    up.on('error', () => socket.destroy());
    socket.on('close', () => up.destroy());
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = /** @type {import('node:net').AddressInfo} */ (server.address());
  proxy.url = `http://127.0.0.1:${own}`;
  /** Ends whatever is open. */
  proxy.drop = () => sockets.forEach((socket) => socket.destroy());
  t.after(() => {
    server.close();
    proxy.drop();
  });
  return proxy;
}
