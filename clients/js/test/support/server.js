/**
 * Runs the real server for a test: `demo`, or `serve` in a folder that outlives a restart. Ends it with the
 * test. It may not know the client.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const binary = process.env.SERVER_PROGRAM ?? join(repository, 'target/debug/sessionwire');
/** Hashing passwords at full cost is what the server's own tests are for. */
const cheap = { SESSIONWIRE_PASSWORD_HASH_MEMORY_KIB: '64', SESSIONWIRE_PASSWORD_HASH_ITERATIONS: '1', SESSIONWIRE_LOG_LEVEL: 'warn' };

/** A test that runs out of time is killed, and must not leave servers behind. */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
process.once('SIGTERM', () => process.exit(143));

export async function startDemo(t, settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'sessionwire-js-'));
  const child = run(['demo', '--listen', '127.0.0.1:0', '--json'], { SESSIONWIRE_DATA_DIR: folder, ...settings });
  t.after(async () => {
    await stop(child, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const demo = JSON.parse(await firstLine(child.stdout));
  return { ...demo, api: api(demo.url, demo.api_key) };
}

/** A server that can be stopped and started again at the same address, with one user. */
export async function startServe(t, settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'sessionwire-js-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const environment = { SESSIONWIRE_DATA_DIR: folder, SESSIONWIRE_LISTEN: `127.0.0.1:${port}`, ...settings };
  /** @type {import('node:child_process').ChildProcess | null} */
  let child = null;
  t.after(async () => {
    if (child) await stop(child, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const start = async () => {
    child = run(['serve'], environment);
    await ready(url, child);
  };
  const key = run(['key', 'create', '--scope', 'admin'], environment);
  const apiKey = await firstLine(key.stdout);
  const call = api(url, apiKey.trim());
  return { url, api: call, start, stop: (signal = 'SIGTERM') => stop(child, signal) };
}

/** Calls the server as an administrator. */
function api(url, key) {
  return async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}

function run(args, environment) {
  // The server takes every SESSIONWIRE_ variable for a setting and refuses those that it doesn't know.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SESSIONWIRE_'));
  const env = { ...Object.fromEntries(inherited), ...cheap, ...environment };
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let complaints = '';
  child.stderr.on('data', (data) => (complaints += data));
  return Object.assign(child, { complaints: () => complaints });
}

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('the server said nothing');
}

async function stop(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function ready(url, child) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server did not start: ${child.complaints()}`);
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
