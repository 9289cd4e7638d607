/**
 * A network between two programs that can be cut, and be made to hold everything back. It may not know what
 * goes through it.
 */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** @param {import('node:test').TestContext} t @param {string} url Of the program behind it. */
export async function startProxy(t, url) {
  const { hostname, port } = new URL(url);
  const pairs = new Set();
  let isCut = false;
  let isHeld = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(Number(port), hostname);
    const pair = [near, far];
    pairs.add(pair);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => {});
      one.on('close', () => (pairs.delete(pair), other.destroy()));
      one.pipe(other);
      if (isHeld) one.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = () => pairs.forEach(([near, far]) => (near.destroy(), far.destroy()));
  t.after(() => {
    server.close();
    drop();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Connections end, and new ones are refused. */
    cut: () => {
      isCut = true;
      drop();
    },
    /** Nothing ends, and nothing comes through. */
    hold: () => {
      isHeld = true;
      pairs.forEach((pair) => pair.forEach((socket) => socket.pause()));
    },
    /** New connections come through; those that are held stay so. */
    mendNew: () => (isHeld = false),
    mend: () => {
      isCut = false;
      isHeld = false;
      pairs.forEach((pair) => pair.forEach((socket) => socket.resume()));
    },
  };
}
