/** The back end of `docs/integration/own-back-end.md`, as the page prints it. */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { ask, demoFor, run } from './support.js';

const page = await readFile(new URL('../../docs/integration/own-back-end.md', import.meta.url), 'utf8');
const [, program] = /^```js\n(.*?)^```$/ms.exec(page) ?? [];

const PEOPLE = `export const people = {
  check: async (name, password) => (password === 'right' ? { id: 'id/of ' + name, groups: ['analysts'] } : null),
};`;

test('whom the back end knows gets a session, and loses it at once', async (t) => {
  const demo = await demoFor(t);
  // Beside the packages that it imports.
  const folder = await mkdtemp(join(fileURLToPath(new URL('../express-api/', import.meta.url)), 'node_modules/.tried-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const files = { 'package.json': '{"type": "module"}', 'main.js': program, 'people.js': PEOPLE };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const { url } = await run(t, demo, 'node', [join(folder, 'main.js')], { PORT: '0' });
  const login = async (name, password) => {
    const device = { id: randomUUID(), name: 'test', platform: 'other' };
    const response = await fetch(`${url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, password, device, remember_me: true }),
    });
    return { status: response.status, body: await response.json() };
  };
  assert.equal((await login('zoe', 'wrong')).status, 401);
  const first = await login('zoe', 'right');
  assert.equal(first.body.user.external_id, 'id/of zoe');
  assert.equal((await login('zoe', 'right')).body.user.id, first.body.user.id);
  const token = first.body.access_token;
  assert.deepEqual((await ask(`${url}/reports`, token)).body, { for: first.body.user.id });

  await demo.call('PUT', `/v1/policies/users/${first.body.user.id}`, { max_sessions: 2, at_limit: 'ask' });
  const refused = await login('zoe', 'right');
  assert.deepEqual([refused.status, refused.body.code, refused.body.sessions.length], [409, 'session_limit_reached', 2]);

  const receipt = await demo.call('DELETE', `/v1/users/ext:${encodeURIComponent('id/of zoe')}?wait_ms=10000`);
  assert.deepEqual(receipt.guards, { following: 1, applied: 1 });
  assert.equal((await ask(`${url}/reports`, token)).code, 'session_ended');
  const anew = await login('zoe', 'right');
  assert.equal(anew.status, 201, 'who was deleted here and is still known there begins anew');
  assert.notEqual(anew.body.user.id, first.body.user.id);
});
