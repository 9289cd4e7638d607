/** What all peers share: a port of their own, a call by which they tell everybody something, and a line that says where
 * they are. */
import { createServer } from 'node:http';

/** The call that makes a peer tell everybody its body. */
export const TELL = '/tell/all';

/**
 * A server that tells everybody what it is called with. Whoever adds sockets to it does so before it listens.
 * @param {(text: string) => void} tell
 */
export function createPeer(tell) {
  return createServer((request, response) => {
    if (request.method !== 'POST' || request.url !== TELL) {
      response.writeHead(404, { 'content-length': 0 }).end();
      return;
    }
    /** @type {Buffer[]} */
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      tell(Buffer.concat(pieces).toString());
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 }).end('{}');
    });
  });
}

/**
 * Says where it listens as the floors of the benchmark do: a string of JSON on the first line.
 * @param {import('node:http').Server} server
 */
export function listen(server) {
  // It ends with whoever started it.
  process.stdin.on('end', () => process.exit()).resume();
  // As many may wait as the system allows, which cuts it down to its own bound.
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('listens nowhere');
    console.log(JSON.stringify(`${address.address}:${address.port}`));
  });
}
