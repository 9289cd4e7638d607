/** The proxies, with the configurations that `docs/integration/proxies.md` prints, before a service that trusts them. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { WebSocket } from 'ws';

import { ask, demoFor, freePort, signIn } from './support.js';

const page = await readFile(new URL('../../docs/integration/proxies.md', import.meta.url), 'utf8');

/** Where Debian keeps what is not for everybody. */
const PATH = `${process.env.PATH}:/usr/sbin`;
const CLAIMED = { 'x-user-id': 'root', 'x-session-id': 's', 'x-device-id': 'd', 'x-groups': 'admins', 'x-permissions': 'everything', 'x-as-of': '9' };

/** What each needs around its page's blocks, and how it is run. */
const proxies = {
  nginx: (folder, { nginx }) => ({
    files: {
      'nginx.conf': `daemon off; pid ${folder}/pid; error_log stderr warn; events {} http { access_log off;
        client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
        uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e; ${nginx} }`,
    },
    command: ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'],
  }),
  caddy: (folder, { caddyfile }) => ({
    files: { Caddyfile: `{\n\tadmin off\n\tauto_https off\n}\n${caddyfile}` },
    command: ['caddy', 'run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
  }),
  haproxy: (folder, { haproxy, lua }) => ({
    files: { 'haproxy.cfg': haproxy.replace('/etc/haproxy/verify.lua', join(folder, 'verify.lua')), 'verify.lua': lua },
    command: ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')],
  }),
};

/** The blocks of code on the page, by language, with these addresses. */
function blocks(sessionwire, service, port) {
  const found = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return Object.fromEntries(
    found.map(([, language, text]) => [
      language,
      text.replaceAll('127.0.0.1:7400', sessionwire).replaceAll('127.0.0.1:9000', service).replaceAll('8080', port),
    ]),
  );
}

/** A service that says what it was told. */
async function startService(t) {
  const service = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  t.after(() => {
    service.close();
    service.closeAllConnections();
  });
  return `127.0.0.1:${service.address().port}`;
}

/** Runs a proxy; resolves with its address once something gets through. */
async function startProxy(t, name, demo, service) {
  const folder = await mkdtemp(join(tmpdir(), `sessionwire-${name}-`));
  const port = String(await freePort());
  const { files, command } = proxies[name](folder, blocks(new URL(demo.url).host, service, port));
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH, HOME: folder } });
  let complaints = '';
  child.stderr.on('data', (data) => (complaints += data));
  const gone = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await gone;
    await rm(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const answer = await fetch(`${url}/healthz`).catch(() => null);
    if (answer?.ok) return url;
    assert.equal(child.exitCode, null, complaints);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const name of Object.keys(proxies)) {
  test(`${name} lets through whom Sessionwire knows, as long as it does`, async (t) => {
    const demo = await demoFor(t, { SESSIONWIRE_TRUSTED_PROXIES: '127.0.0.1/32' });
    const url = await startProxy(t, name, demo, await startService(t));
    const [anna, , , dario] = demo.users;
    const signedIn = await signIn(url, anna);
    const token = signedIn.access_token;
    const reports = `${url}/reports`;

    const good = await ask(reports, token);
    assert.equal(good.status, 200);
    assert.equal(good.body['x-user-id'], anna.id);
    assert.ok(good.body['x-permissions'].split(',').includes('reports:read'));
    assert.equal(good.body.authorization, undefined, 'the service gets no token');

    const claiming = await fetch(reports, { headers: { ...CLAIMED, authorization: `Bearer ${token}` } });
    const told = await claiming.json();
    assert.equal(told['x-user-id'], anna.id);
    assert.equal(told['x-permissions'], good.body['x-permissions']);
    for (const header of ['x-session-id', 'x-device-id', 'x-groups', 'x-as-of']) assert.equal(told[header], undefined, header);

    const refused = async (expected, asked, status = 401) => {
      const { status: got, code } = await ask(reports, asked);
      assert.deepEqual([got, code], [status, expected]);
    };
    await refused('token_missing', undefined);
    await refused('token_invalid', 'nonsense');
    await refused('forbidden', (await signIn(url, dario)).access_token, 403);
    assert.equal((await fetch(reports, { headers: CLAIMED })).status, 401);

    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/socket`, { headers: { authorization: `Bearer ${token}` } });
    t.after(() => socket.terminate());
    const closed = once(socket, 'close');
    const [welcome] = await once(socket, 'message');
    assert.equal(JSON.parse(String(welcome)).type, 'welcome');
    const stream = await fetch(`${url}/v1/stream`, { headers: { authorization: `Bearer ${token}` } });
    const { value } = await stream.body.getReader().read();
    assert.match(new TextDecoder().decode(value), /^event: welcome\n/);
    const polled = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
    assert.match(await polled.text(), /^0\{"sid":/);

    await demo.call('DELETE', `/v1/sessions/${signedIn.session_id}`);
    await refused('session_ended', token);
    const [code] = await closed;
    assert.equal(code, 4501);
  });
}
