/**
 * The duplication: somebody who is signed in twice gives the same sword away on both devices. It may not know
 * whether there is a fence.
 */

import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

/**
 * @param {{ url: string, world: import('./world.js').World }} game
 * @param {string} server
 */
export async function duplicate(game, server) {
  const { users } = await (await fetch(`${server}/demo.json`)).json();
  const [anna, ben] = ['anna', 'ben'].map((name) => users.find(({ username }) => username === name));
  game.world.find(anna.id, 'sword');
  const friend = await comeIn(game, server, ben);
  // Both sessions of the same person read the bag: each has the sword in memory.
  const older = await comeIn(game, server, anna);
  const newer = await comeIn(game, server, anna);
  const gift = { item: 'sword', to: friend.userId };
  const first = await newer.socket.emitWithAck('give', gift);
  const second = await older.socket.emitWithAck('give', gift);
  for (const { socket } of [friend, older, newer]) socket.disconnect();
  return { first, second, swords: game.world.count('sword') };
}

/** Signs in on a new device and comes into the game. */
export async function comeIn(game, server, { username, password }) {
  const response = await fetch(`${server}/v1/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password, device: { id: randomUUID(), name: `${username}'s device`, platform: 'game' } }),
  });
  const signedIn = await response.json();
  if (!response.ok) throw new Error(`${username} was not signed in: ${signedIn.code}`);
  const socket = io(game.url, { auth: { token: signedIn.access_token }, transports: ['websocket'], forceNew: true });
  const bag = new Promise((resolve) => socket.once('bag', resolve));
  const refused = once(socket, 'connect_error').then(([error]) => Promise.reject(error));
  await Promise.race([bag, refused]);
  return { socket, userId: signedIn.user.id, bag: await bag, signedIn };
}
