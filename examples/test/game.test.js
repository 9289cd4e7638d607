/** The game: two players, a sword, and somebody who is signed in twice. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { demoFor, run } from './support.js';

test('without the fence there are two swords, with it there is one', async (t) => {
  const demo = await demoFor(t);
  const { lines } = await run(t, demo, 'node', ['game-server/main.js'], { PORT: '0' });
  assert.deepEqual(lines.slice(0, 2), [
    'without the fence: 2 sword(s) in the world; the older session was told: done',
    'with    the fence: 1 sword(s) in the world; the older session was told: fenced',
  ]);
});
