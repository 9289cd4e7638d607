/** The package as others get it: packed, installed outside the repository, type-checked and run there. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { startDemo } from './support/server.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('..', import.meta.url));

const application = (url, { username, password }) => `
import { createSession, SessionwireError, type SignInResult, type Ended } from 'sessionwire-client';
import { Require, SessionProvider, usePermission, useSession } from 'sessionwire-client/react';
import { WebSocket } from 'ws';

const session = createSession({ url: ${JSON.stringify(url)}, WebSocket, device: { name: 'Packed', platform: 'desktop' } });
const ended = new Promise<Ended>((resolve) => session.on('ended', resolve));
await session.ready;
const result: SignInResult = await session.signIn({ username: ${JSON.stringify(username)}, password: ${JSON.stringify(password)} });
switch (result.outcome) {
  case 'signed_in':
    console.log('user', result.user.displayName);
    break;
  case 'refused':
    await result.takeOver?.();
    break;
  case 'pending': {
    const decided = await result.decided;
    if (decided.outcome === 'denied') result.cancel();
    break;
  }
}
const off = session.on('permissionschange', ({ gained, lost, initiatedBy }) => console.log(gained.length, lost.length, initiatedBy));
off();
session.on('takeoverrequest', (request) => void request.approve());
const answer: Response = await session.fetch('/v1/me');
console.log('me', answer.status, session.can('reports:read'), typeof useSession, typeof usePermission, typeof Require, typeof SessionProvider);
await session.signOut();
console.log('ended', (await ended).reason, session.state satisfies 'connecting' | 'live' | 'offline' | 'ended');
await session.signIn({ username: 'x', password: 'y' }).catch((error: unknown) => {
  if (error instanceof SessionwireError) console.log('error', error.code);
});
session.close();
// @ts-expect-error: there is no such event
session.on('nothing', () => {});
// @ts-expect-error: a password is needed
void (() => session.signIn({ username: 'x' }));
`;

test('packed, installed elsewhere, checked and run', { timeout: 200_000 }, async (t) => {
  const demo = await startDemo(t);
  const folder = await mkdtemp(join(tmpdir(), 'sessionwire-pack-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: here });
  const packed = JSON.parse(stdout.slice(stdout.indexOf('[')))[0] ?? Object.values(JSON.parse(stdout))[0];
  const names = packed.files.map(({ path }) => path);
  for (const name of ['package.json', 'README.md', 'src/index.js', 'src/react.js', 'types/index.d.ts', 'types/react.d.ts']) {
    assert.ok(names.includes(name), `${name} is packed`);
  }
  assert.deepEqual(names.filter((name) => /^(test|node_modules)\//.test(name)), []);
  const { dependencies } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8'));
  assert.equal(dependencies, undefined);

  const app = join(folder, 'app');
  await mkdir(app);
  await writeFile(join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(folder, packed.filename)], { cwd: app });
  // What the application brings along itself.
  for (const name of ['ws', 'react', 'csstype', '@types']) await symlink(join(here, 'node_modules', name), join(app, 'node_modules', name));
  await writeFile(join(app, 'main.ts'), application(demo.url, demo.users[0]));
  const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2023,dom', '--types', 'node', '--rootDir', '.'];
  await run(join(here, 'node_modules/.bin/tsc'), [...options, 'main.ts'], { cwd: app }).catch((error) => assert.fail(error.stdout));
  const ran = await run(process.execPath, ['main.js'], { cwd: app, timeout: 80_000 });
  assert.deepEqual(ran.stdout.trim().split('\n'), [
    'user Anna Larsen',
    'me 200 true function function function function',
    'ended signed_out ended',
    'error invalid_credentials',
  ]);
});
