/** An API in Express, one in axum, and a service behind nginx: the same sessions, the same answers. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { WebSocket } from 'ws';

import { ask, demoFor, freePort, run, signIn } from './support.js';

const axumApi = process.env.AXUM_API ?? '../target/debug/examples/axum-api';

test('what happens to a session is known to all of them at once', async (t) => {
  const demo = await demoFor(t, { SESSIONWIRE_TRUSTED_PROXIES: '127.0.0.1/32' });
  const port = String(await freePort());
  const [express, axum, nginx] = await Promise.all([
    run(t, demo, 'node', ['express-api/main.js'], { PORT: '0' }),
    run(t, demo, axumApi, [], { LISTEN: '127.0.0.1:0' }),
    run(t, demo, 'node', ['nginx/main.js'], { PORT: port }),
  ]);
  const services = [express.url, axum.url, nginx.url];
  const everywhere = async (token, expected) => {
    for (const url of services) assert.deepEqual([url, (await ask(`${url}/reports`, token)).code], [url, expected]);
  };
  const [anna, , , dario] = demo.users;
  const signedIn = await signIn(nginx.url, anna);
  const token = signedIn.access_token;
  for (const url of services) {
    const { status, body } = await ask(`${url}/reports`, token);
    assert.equal(status, 200);
    assert.equal(body.for, anna.id);
  }
  await everywhere(undefined, 'token_missing');
  await everywhere('nonsense', 'token_invalid');
  await everywhere((await signIn(nginx.url, dario)).access_token, 'forbidden');

  const socket = new WebSocket(`${nginx.url.replace('http', 'ws')}/v1/socket`, { headers: { authorization: `Bearer ${token}` } });
  t.after(() => socket.terminate());
  const heard = [];
  const closed = once(socket, 'close');
  const welcome = new Promise((resolve) => {
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      heard.push(message.type);
      if (message.type === 'welcome') resolve(message);
    });
  });
  await welcome;
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  const wait = 'wait_ms=10000';
  const removed = await demo.call('DELETE', `/v1/groups/${analysts.id}/members/${anna.id}?${wait}`);
  assert.deepEqual(removed.receipt.guards, { following: 2, applied: 2 });
  await everywhere(token, 'token_stale');
  const refreshed = await fetch(`${nginx.url}/v1/token/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refresh_token: signedIn.refresh_token }),
  });
  const fresh = (await refreshed.json()).access_token;
  await everywhere(fresh, 'forbidden');
  assert.equal((await ask(`${express.url}/me`, fresh)).status, 200);

  const ended = await demo.call('DELETE', `/v1/users/${anna.id}/sessions?${wait}`);
  assert.equal(ended.sessions_ended, 1);
  assert.equal((await ask(`${axum.url}/me`, fresh)).code, 'session_ended');
  await everywhere(fresh, 'session_ended');
  const [code] = await closed;
  assert.equal(code, 4501);
  assert.deepEqual(heard, ['welcome', 'permissions.changed', 'session.revoked']);
});

test('what a client claims to be does not get past nginx', async (t) => {
  const demo = await demoFor(t);
  const nginx = await run(t, demo, 'node', ['nginx/main.js'], { PORT: String(await freePort()) });
  const [anna, ben] = demo.users;
  const { access_token: token } = await signIn(nginx.url, anna);
  const response = await fetch(`${nginx.url}/reports`, { headers: { authorization: `Bearer ${token}`, 'x-user-id': ben.id } });
  assert.equal((await response.json()).for, anna.id);
  const stranger = await fetch(`${nginx.url}/reports`, { headers: { 'x-user-id': ben.id } });
  assert.equal(stranger.status, 401);
});
