/** The DPoP client of `docs/security.md`, as the page prints it. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import { demoFor } from './support.js';

const page = await readFile(new URL('../../docs/security.md', import.meta.url), 'utf8');
const [, program] = /^```js\n(.*?)^```$/ms.exec(page) ?? [];

test('a client without a library binds its session to a key', async (t) => {
  const demo = await demoFor(t);
  const folder = await mkdtemp(join(tmpdir(), 'sessionwire-dpop-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'main.mjs'), program);
  const [{ username, password }] = demo.users;
  const env = { ...process.env, SERVER_URL: demo.url, NAME: username, PASSWORD: password };
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')], { env });
  assert.equal(stdout, 'DPoP 200\n');
});
