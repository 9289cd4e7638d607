/** Starts an example as `examples/start.js` does, and speaks to it. It may not know what the example is about. */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { startDemo } from '../demo.js';

const examples = new URL('../', import.meta.url);

/** A demo that ends with the test. */
export async function demoFor(t, settings) {
  const demo = await startDemo({ SESSIONWIRE_PASSWORD_HASH_MEMORY_KIB: '64', ...settings });
  t.after(demo.stop);
  return { ...demo, call: (method, path, body) => call(demo, method, path, body) };
}

async function call({ url, api_key: key }, method, path, body) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Runs an example's program; resolves with its address once it listens. */
export async function run(t, demo, command, args, settings = {}) {
  const child = spawn(command, args, {
    cwd: fileURLToPath(examples),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SERVER_URL: demo.url, API_KEY: demo.api_key, ...settings },
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  });
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    const [, address] = /^listening on (http:\S+)$/.exec(line) ?? [];
    if (address) return { url: address, lines };
  }
  throw new Error(`it stopped: ${lines.join('\n')}`);
}

/** Signs one of the demo's people in. */
export async function signIn(url, { username, password }) {
  const device = { id: randomUUID(), name: 'test', platform: 'other' };
  const response = await fetch(`${url}/v1/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password, device }),
  });
  if (!response.ok) throw new Error(`not signed in: ${response.status}`);
  return response.json();
}

/** Asks with a token; answers status, code and body. */
export async function ask(url, token) {
  const response = await fetch(url, { headers: token ? { authorization: `Bearer ${token}` } : {} });
  const body = await response.json().catch(() => null);
  return { status: response.status, code: body?.code, body };
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
