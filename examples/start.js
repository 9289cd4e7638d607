/**
 * Starts a demo of Sessionwire and one of the examples beside it: `node examples/start.js express-api`. It
 * may not know what the example does.
 *
 * The server's program is built first, unless SERVER_PROGRAM names one.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startDemo } from './demo.js';

const here = dirname(fileURLToPath(import.meta.url));
const repository = dirname(here);
const [name] = process.argv.slice(2);
const folder = join(here, name ?? '');
if (!name || !existsSync(join(folder, 'README.md'))) {
  console.error('usage: node examples/start.js axum-api | express-api | game-server | nginx');
  process.exit(2);
}

if (existsSync(join(folder, 'package.json'))) run('npm', ['ci', '--prefix', folder, '--no-audit', '--no-fund']);
const demo = await startDemo();
const [anna] = demo.users;
console.log(`Sessionwire: ${demo.url}/ (the page), ${demo.url}/admin (administrator: ${demo.admin.username}, ${demo.admin.password})`);
console.log(`somebody to sign in as: ${anna.username}, ${anna.password}`);

const [command, ...args] = existsSync(join(folder, 'main.rs'))
  ? ['cargo', 'run', '--release', '--quiet', '--example', name]
  : ['node', join(folder, 'main.js')];
const example = spawn(command, args, {
  cwd: repository,
  stdio: 'inherit',
  env: { ...process.env, SERVER_URL: demo.url, API_KEY: demo.api_key },
});
example.on('exit', (code) => {
  demo.stop();
  process.exit(code ?? 1);
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => example.kill(signal));

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: repository, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(1);
}
