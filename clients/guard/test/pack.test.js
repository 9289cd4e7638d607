/** The package as others get it: packed, unpacked outside the repository, type-checked and run there. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { signIn, startDemo } from './support/server.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('..', import.meta.url));

const application = (settings, token) => `
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import Fastify from 'fastify';
import Koa from 'koa';
import { Server } from 'socket.io';
import { createGuard, GuardError, type Claims, type Route, type SocketAuth } from 'sessionwire-guard';

declare global {
  namespace Express {
    interface Request {
      auth?: Claims;
    }
  }
}
declare module 'fastify' {
  interface FastifyContextConfig {
    guard?: Route | false;
  }
  interface FastifyRequest {
    auth: Claims | null;
  }
}

const guard = createGuard(${JSON.stringify(settings)});
const off = guard.on('change', ({ seq, changes }) => console.log(seq, changes.map(({ kind }) => kind)));
guard.on('error', ({ code, message }) => console.error(code, message));
off();
await guard.ready;

const app = express();
const handler: RequestHandler = guard.express({ requires: 'reports:read' });
app.get('/reports', handler, (req, res) => void res.json({ user: req.auth?.sub }));

const fastify = Fastify();
await fastify.register(guard.fastify({ behind: 'introspect' }));
fastify.get('/open', { config: { guard: false } }, async (request) => ({ user: request.auth?.sub ?? null }));
fastify.get('/me', { config: { guard: { requires: 'home:read' } } }, async (request) => ({ user: request.auth?.sub }));

const koa = new Koa();
koa.use(guard.koa());
koa.use((ctx) => void (ctx.body = { user: (ctx.state.auth as Claims).sub }));

const http = createServer(app);
const io = new Server<{}, {}, {}, { auth: SocketAuth }>(http);
io.use(guard.socketio({ io, staleGraceMs: 10_000 }));
io.of('/game').use(guard.socketio());
io.on('connection', (socket) => console.log(socket.data.auth.sub, socket.data.auth.stale));

http.listen(0, '127.0.0.1', async () => {
  const answer = await fetch(\`http://127.0.0.1:\${(http.address() as AddressInfo).port}/reports\`, { headers: { authorization: 'Bearer ${token}' } });
  console.log('reports', answer.status);
  console.log('me', (await fastify.inject({ url: '/me', headers: { authorization: 'Bearer ${token}' } })).statusCode);
  console.log('open', (await fastify.inject('/open')).json());
  const claims: Claims = await guard.check('${token}', { requires: 'reports:read', what: 'test' });
  guard.fenced(claims.sub).admit(claims);
  console.log('fence', guard.fenced(claims.sub).fence === claims.fence);
  await guard.check('x').catch((error: unknown) => {
    if (error instanceof GuardError) console.log('refused', error.code, error.status, error.reason);
  });
  console.log(guard.metrics().includes('sessionwire_guard_checks_total{verdict="good"} 3'));
  await io.close();
  guard.close();
});
// @ts-expect-error: there is no such event
guard.on('nothing', () => {});
// @ts-expect-error: there is no such need
void (() => guard.express({ require: 'x' }));
// @ts-expect-error: an issuer is needed
void (() => createGuard({ url: 'x', apiKey: 'x', audience: 'x' }));
`;

test('packed, unpacked elsewhere, checked and run', { timeout: 200_000 }, async (t) => {
  const demo = await startDemo(t);
  const { token } = await signIn(demo.url, demo.users[0]);
  const folder = await mkdtemp(join(tmpdir(), 'sessionwire-pack-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: here });
  const packed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [{ filename, files }] = Object.values(packed);
  const names = files.map(({ path }) => path);
  for (const name of ['package.json', 'README.md', 'src/index.js', 'src/socketio/gate.js', 'types/index.d.ts']) {
    assert.ok(names.includes(name), `${name} is packed`);
  }
  assert.deepEqual(names.filter((name) => !/^(src|types)\/|^(package\.json|README\.md)$/.test(name)), []);

  const app = join(folder, 'app');
  const there = join(app, 'node_modules/sessionwire-guard');
  await mkdir(there, { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', there]);
  // What the application brings along itself, and what the package asks for.
  for (const name of await readdir(join(here, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(join(here, 'node_modules', name), join(app, 'node_modules', name));
  }
  await writeFile(join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}');
  await writeFile(join(app, 'main.ts'), application({ url: demo.url, apiKey: demo.guardKey, issuer: demo.url, audience: 'sessionwire' }, token));
  const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node', '--rootDir', '.'];
  const check = (...more) => run(join(here, 'node_modules/.bin/tsc'), [...options, ...more], { cwd: app }).catch((error) => assert.fail(error.stdout));
  // The package's own types are checked whole; those of frameworks are taken as they are.
  await writeFile(join(app, 'alone.ts'), "import { createGuard } from 'sessionwire-guard';\nexport const make: typeof createGuard = createGuard;\n");
  await check('alone.ts');
  await check('--skipLibCheck', 'main.ts');
  const ran = await run(process.execPath, ['main.js'], { cwd: app, timeout: 80_000 });
  assert.deepEqual(ran.stdout.trim().split('\n'), [
    'reports 200',
    'me 200',
    'open { user: null }',
    'fence true',
    'refused token_invalid 401 undefined',
    'true',
  ]);
  assert.equal(ran.stderr, '');
});
