/** Against the real server: rights, ends, notices, refresh, signing out. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { startDemo } from './support/server.js';
import { countingSockets, heard, open, signedIn, until } from './support/client.js';

const SUBJECT = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

/** A fetch that remembers the tokens it was called with. */
function listening(calls = []) {
  return [calls, async (input, init) => {
    const response = await fetch(input, init);
    calls.push({ path: new URL(String(input)).pathname, token: new Headers(init?.headers).get('authorization')?.slice(7), status: response.status });
    return response;
  }];
}

test('signs in, is live, and knows who and what', async (t) => {
  const demo = await startDemo(t);
  const session = open(t, demo.url);
  const states = [];
  session.on('statechange', ({ previous, state }) => states.push(`${previous} ${state}`));
  await session.ready;
  assert.equal(session.state, 'ended');
  assert.equal(session.ended, null);
  assert.deepEqual([session.id, session.user, session.device, session.groups, session.permissions], [null, null, null, [], []]);

  const result = await session.signIn({ username: demo.users[0].username, password: demo.users[0].password, rememberMe: true });
  assert.equal(result.outcome, 'signed_in');
  assert.equal(result.user.id, demo.users[0].id);
  await until(session, () => session.state === 'live');
  assert.deepEqual(states, ['ended connecting', 'connecting live']);
  assert.equal(session.user.username, 'anna');
  assert.deepEqual(session.device, { id: session.device.id, name: 'Test', platform: 'desktop' });
  assert.ok(session.can('reports:read'));
  assert.ok(!session.can('billing:read'));
  assert.deepEqual(session.groups, [...session.groups].sort());
  assert.throws(() => session.permissions.push('sessionwire:admin'), TypeError);
  assert.deepEqual(session.errors, []);
});

test('a wrong password is an error with its code', async (t) => {
  const demo = await startDemo(t);
  const session = open(t, demo.url);
  await assert.rejects(session.signIn({ username: 'anna', password: 'wrong' }), { name: 'SessionwireError', code: 'invalid_credentials', status: 401 });
  assert.equal(session.state, 'ended');
  const failures = [];
  for (let turn = 0; turn < 12; turn += 1) failures.push(await session.signIn({ username: 'nobody', password: 'wrong' }).catch((error) => error));
  const limited = failures.find((error) => error.code === 'rate_limited');
  assert.equal(limited.status, 429);
  assert.ok(limited.retryAfterMs > 0);
});

test('removed from a group: the rights change at once, and a fresh token follows that is accepted', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  const [calls, fetching] = listening();
  const session = await signedIn(t, demo.url, anna, { fetch: fetching });
  const change = heard(session, 'permissionschange');
  let refreshed = until(session, () => calls.some(({ path }) => path === '/v1/token/refresh'));
  await demo.api('DELETE', `/v1/groups/${analysts.id}/members/${anna.id}`);
  assert.deepEqual(await change, {
    gained: [],
    lost: ['reports:export', 'reports:read'],
    groupsAdded: [],
    groupsRemoved: ['analysts'],
    initiatedBy: 'admin',
  });
  assert.equal(session.can('reports:read'), false);
  assert.equal(session.state, 'live');
  await refreshed;
  await until(session, () => session.revision > 0 && calls.at(-1).status === 200);

  const answer = await session.fetch('/v1/me');
  assert.equal(answer.status, 200);
  assert.deepEqual((await answer.json()).groups, ['staff']);
  const me = calls.filter(({ path }) => path === '/v1/me');
  assert.equal(me.length, 1, 'the token was fresh already');
  assert.deepEqual(SUBJECT(me[0].token).groups, ['staff']);

  refreshed = heard(session, 'permissionschange');
  await demo.api('PUT', `/v1/groups/${analysts.id}/members/${anna.id}`);
  assert.deepEqual((await refreshed).gained, ['reports:export', 'reports:read']);
  await session.refresh();
  assert.ok(session.can('reports:read'));
  assert.deepEqual(session.errors, []);
});

test('the refresh that a change of rights brings is told to the open socket', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  const { WebSocket, count } = countingSockets();
  const session = await signedIn(t, demo.url, anna, { WebSocket });
  const sent = [];
  const send = count.all[0].send.bind(count.all[0]);
  const told = new Promise((resolve) => count.all[0].on('message', (data) => JSON.parse(data).type === 'token.refreshed' && resolve()));
  count.all[0].send = (text) => {
    sent.push(JSON.parse(text).type);
    send(text);
  };
  await demo.api('DELETE', `/v1/groups/${analysts.id}/members/${anna.id}`);
  await told;
  assert.ok(sent.includes('ack'));
  assert.ok(sent.includes('token.refresh'));
  assert.deepEqual(session.errors, []);
});

test('removed from the system: ended, with the reason', async (t) => {
  const demo = await startDemo(t);
  const ben = demo.users[1];
  const session = await signedIn(t, demo.url, ben);
  const states = [];
  session.on('statechange', (change) => states.push(change));
  const ended = heard(session, 'ended');
  await demo.api('DELETE', `/v1/users/${ben.id}`);
  assert.deepEqual(await ended, { reason: 'user_deleted', message: 'Your account was removed.' });
  assert.equal(session.state, 'ended');
  assert.equal(states.at(-1).ended.reason, 'user_deleted');
  assert.deepEqual([session.user, session.permissions, session.can('home:read')], [null, [], false]);
  await assert.rejects(session.refresh(), { code: 'not_signed_in' });
});

test('suspended, and ended by an administrator', async (t) => {
  const demo = await startDemo(t);
  const [anna, ben] = demo.users;
  const one = await signedIn(t, demo.url, anna);
  const other = await signedIn(t, demo.url, ben);
  const ends = [heard(one, 'ended'), heard(other, 'ended')];
  await demo.api('POST', `/v1/users/${anna.id}/suspend`);
  await demo.api('DELETE', `/v1/sessions/${other.id}`);
  assert.deepEqual((await Promise.all(ends)).map(({ reason }) => reason), ['user_suspended', 'revoked_by_admin']);
});

test('notices arrive', async (t) => {
  const demo = await startDemo(t);
  const session = await signedIn(t, demo.url, demo.users[0]);
  const notice = heard(session, 'notice');
  await demo.api('POST', `/v1/users/${demo.users[0].id}/notices`, { level: 'warning', title: 'Soon', body: 'We stop at six.', data: { at: 6 } });
  const { id, at, ...rest } = await notice;
  assert.deepEqual(rest, { level: 'warning', title: 'Soon', body: 'We stop at six.', data: { at: 6 } });
  assert.ok(id > 0 && at);
});

test('signing out ends the session at the server, and signing out everywhere the others too', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const first = await signedIn(t, demo.url, anna);
  const second = await signedIn(t, demo.url, anna);
  const third = await signedIn(t, demo.url, anna);
  const id = first.id;
  const ended = heard(first, 'ended');
  await first.signOut();
  assert.equal((await ended).reason, 'signed_out');
  assert.equal(first.state, 'ended');
  assert.equal((await demo.api('GET', `/v1/sessions/${id}`).catch(async () => (await demo.api('GET', `/v1/sessions?user_id=${anna.id}&state=ended`)).items.find((it) => it.id === id))).reason, 'signed_out');

  const gone = heard(third, 'ended');
  await second.signOutEverywhere({ exceptCurrent: true });
  assert.equal((await gone).reason, 'signed_out_everywhere');
  assert.equal(second.state, 'live');
  await second.signOutEverywhere();
  assert.equal(second.state, 'ended');
  assert.equal(second.ended.reason, 'signed_out_everywhere');
  const { items } = await demo.api('GET', `/v1/sessions?user_id=${anna.id}&state=live`);
  assert.deepEqual(items, []);
  assert.deepEqual([...first.errors, ...second.errors, ...third.errors], []);
});

test('fetch refreshes a stale token and repeats; a session that ended ends here', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const staff = demo.groups.find(({ name }) => name === 'staff');
  const [calls, fetching] = listening();
  // Without a socket nothing but the answers tells that something changed.
  class NoSocket {
    close() {}
  }
  const session = open(t, demo.url, { fetch: fetching, WebSocket: NoSocket });
  await session.signIn(anna);
  await demo.api('PUT', `/v1/groups/${staff.id}/permissions`, { permissions: ['home:read'] });
  const answer = await session.fetch('/v1/me');
  assert.equal(answer.status, 200);
  assert.deepEqual(calls.slice(1).map(({ path, status }) => [path, status]), [['/v1/me', 401], ['/v1/token/refresh', 200], ['/v1/me', 200]]);
  assert.equal(session.can('team:read'), false);

  await demo.api('DELETE', `/v1/users/${anna.id}/sessions`);
  assert.equal((await session.fetch('/v1/me')).status, 401);
  assert.equal(session.state, 'ended');
  assert.equal(session.ended.reason, 'revoked_by_admin');
});

test('the same device signing in as another person leaves no session of the first', async (t) => {
  const demo = await startDemo(t);
  const [anna, ben] = demo.users;
  const session = await signedIn(t, demo.url, anna);
  const id = session.id;
  await session.signIn(ben);
  assert.equal(session.user.username, 'ben');
  await until(session, () => session.state === 'live' && session.user.id === ben.id);
  for (;;) {
    const { items } = await demo.api('GET', `/v1/sessions?user_id=${anna.id}&state=live`);
    if (items.every((it) => it.id !== id)) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});
