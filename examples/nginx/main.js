/**
 * Runs nginx with `nginx.conf` in front of Sessionwire and of a small service that trusts what nginx says.
 *
 * `node examples/start.js nginx` starts it beside a demo. By itself it wants SERVER_URL, and PORT. nginx has to
 * be installed (Debian: `nginx-light`).
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { SERVER_URL: url, PORT: port = '8083' } = process.env;

const service = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ reports: ['January', 'February'], for: request.headers['x-user-id'] }));
});
service.listen(0, '127.0.0.1');
await once(service, 'listening');

const folder = await mkdtemp(join(tmpdir(), 'sessionwire-nginx-'));
const template = await readFile(new URL('nginx.conf', import.meta.url), 'utf8');
const values = {
  FOLDER: folder,
  PORT: port,
  SERVER: new URL(url).host,
  SERVICE: `127.0.0.1:${service.address().port}`,
};
const config = template.replace(/\$EXAMPLE_([A-Z]+)/g, (whole, name) => values[name] ?? whole);
await writeFile(join(folder, 'nginx.conf'), config);

const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: 'inherit' });
nginx.on('error', () => {
  console.error('nginx is not installed: apt-get install nginx-light');
  process.exit(1);
});
nginx.on('exit', (code) => process.exit(code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => nginx.kill('SIGTERM'));
process.on('exit', () => nginx.kill('SIGTERM'));

// It listens as soon as it answers.
for (;;) {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
  if (answer?.ok) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
console.log(`listening on http://127.0.0.1:${port}`);
