/** The real server goes away and comes back; tokens run out; sessions idle. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { countingSockets, heard, signedIn, until } from './support/client.js';
import { startServe } from './support/server.js';
import { FakeTime } from './support/time.js';

const ann = { username: 'ann', password: 'a good long password' };

async function served(t, settings) {
  const server = await startServe(t, settings);
  await server.start();
  const group = await server.api('POST', '/v1/groups', { name: 'staff', permissions: ['home:read'] });
  const user = await server.api('POST', '/v1/users', { ...ann, display_name: 'Ann', groups: ['staff'] });
  return { server, group, user: user.user ?? user, groupId: (group.group ?? group).id };
}

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`comes back after the server was restarted (${signal}), and learns what changed meanwhile`, async (t) => {
    const { server, groupId } = await served(t, { SESSIONWIRE_DRAIN_S: '0' });
    const { WebSocket, count } = countingSockets();
    const session = await signedIn(t, server.url, ann, { WebSocket });
    const { id } = session;
    const away = heard(session, 'statechange', ({ state }) => state !== 'live');
    await server.stop(signal);
    await away;
    await server.start();
    await server.api('PUT', `/v1/groups/${groupId}/permissions`, { permissions: ['home:read', 'news:read'] });
    await until(session, () => session.state === 'live' && session.can('news:read'));
    assert.equal(session.id, id);
    assert.equal(count.most, 1);
    assert.equal((await session.fetch('/v1/me')).status, 200);
    assert.deepEqual(session.errors, []);
  });
}

test('ended while the server could not be reached: hears it on return', async (t) => {
  const { server, user } = await served(t, { SESSIONWIRE_DRAIN_S: '0' });
  let cut = false;
  const { WebSocket, count } = countingSockets();
  class Cuttable extends WebSocket {
    constructor(url, protocols) {
      super(cut ? 'ws://127.0.0.1:1/' : url, protocols);
    }
  }
  const session = await signedIn(t, server.url, ann, { WebSocket: Cuttable });
  cut = true;
  const away = heard(session, 'statechange', ({ state }) => state !== 'live');
  count.all[0].terminate();
  await away;
  await server.api('DELETE', `/v1/users/${user.id}/sessions`);
  const ended = heard(session, 'ended');
  cut = false;
  assert.equal((await ended).reason, 'revoked_by_admin');
});

test('the socket outlives its tokens', async (t) => {
  const { server } = await served(t, { SESSIONWIRE_HEARTBEAT_S: '3600' });
  const { WebSocket, count } = countingSockets();
  const time = new FakeTime({ now: Date.now() });
  const session = await signedIn(t, server.url, ann, { WebSocket, internals: { time } });
  for (let turn = 0; turn < 3; turn += 1) {
    const told = new Promise((resolve) => count.all[0].on('message', (data) => JSON.parse(data).type === 'token.refreshed' && resolve()));
    time.pass(270_000);
    await told;
  }
  assert.equal(count.made, 1);
  assert.equal(session.state, 'live');
  assert.deepEqual(session.errors, []);
});

test('nobody there: the session idles out at the server, and whoever comes back is told why', async (t) => {
  const { server, user } = await served(t);
  const policy = { max_sessions: null, count_by: 'user', at_limit: 'evict_oldest', idle_timeout_s: 4 };
  await server.api('PUT', `/v1/policies/users/${user.id}`, policy);
  const session = await signedIn(t, server.url, ann, { idleAfterMs: 0 });
  const { id } = session;
  // The token runs out with the session: whether the server ends it or closes the socket first is open.
  await until(session, () => session.state === 'ended' || session.state === 'offline');
  for (;;) {
    const { items } = await server.api('GET', `/v1/sessions?user_id=${user.id}&state=ended`);
    if (items.some((it) => it.id === id)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  session.activity();
  await until(session, () => session.state === 'ended');
  assert.equal(session.ended.reason, 'idle_timeout');
});
