/**
 * A game server behind Sessionwire.
 *
 * `node examples/start.js game-server` starts it beside a demo, and plays the duplication once without and
 * once with the fence. By itself it wants SERVER_URL, API_KEY (scope `feed`), and PORT.
 */

import { createGuard } from 'sessionwire-guard';

import { duplicate } from './duplicate.js';
import { startGame } from './game.js';

const { SERVER_URL: url, API_KEY: apiKey, PORT: port = '8084' } = process.env;
const guard = createGuard({ url, apiKey, issuer: url, audience: 'sessionwire' });
await guard.ready;

for (const fencing of [false, true]) {
  const game = await startGame(guard, { fencing });
  const { swords, second } = await duplicate(game, url);
  console.log(`${fencing ? 'with   ' : 'without'} the fence: ${swords} sword(s) in the world; the older session was told: ${second.code ?? 'done'}`);
  game.close();
}
const game = await startGame(guard, { port: Number(port) });
console.log(`listening on ${game.url}`);
