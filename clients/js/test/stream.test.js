/** Where no WebSocket gets through: the stream instead, and back again. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { EventReader } from '../src/events.js';
import { BACK_MS, Roads } from '../src/roads.js';
import { countingSockets, heard, open, signedIn, until } from './support/client.js';
import { startProxy } from './support/proxy.js';
import { startDemo, startServe } from './support/server.js';
import { person, startScript } from './support/script.js';
import { FakeTime } from './support/time.js';

/** For tests that let minutes pass at once: nothing but what they are about falls due. */
const QUIET = { SESSIONWIRE_HEARTBEAT_S: '3600', SESSIONWIRE_ACCESS_TOKEN_TTL_S: '3600' };

/** A demo behind a proxy, and Anna live over the stream. */
async function behindProxy(t, { settings = {}, ...how } = {}, options = {}) {
  const demo = await startDemo(t, settings);
  const proxy = await startProxy(t, demo.url, how);
  const anna = demo.users[0];
  const session = open(t, proxy.url, options);
  const changes = [];
  session.on('statechange', ({ state, transport }) => changes.push(`${state} ${transport}`));
  await session.signIn({ username: anna.username, password: anna.password });
  const connections = async () => (await demo.api('GET', `/v1/presence`)).items[0]?.connections ?? 0;
  return { demo, proxy, anna, session, changes, connections };
}

/** What a stream may be silent for: its heartbeats come every 25 seconds at most. */
const SILENCE_MS = 50_000;

/** Lets time pass while the server is heard: each newer token brings a newer stream, and its welcome. */
async function passHearing(time, session, ms) {
  for (let left = ms; left > 0; left -= SILENCE_MS / 2) {
    time.pass(Math.min(left, SILENCE_MS / 2));
    await session.refresh();
    await time.set(SILENCE_MS);
  }
}

/** Looks again until it is so. */
async function eventually(holds) {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

test('a proxy that refuses upgrades: live over the stream, and everything is heard', async (t) => {
  const { demo, proxy, anna, session, changes, connections } = await behindProxy(t);
  await until(session, () => session.state === 'live');
  assert.equal(session.transport, 'sse');
  assert.deepEqual(changes, ['connecting null', 'live sse']);
  assert.equal(proxy.upgradesSeen, 2, 'one failure may be chance');
  assert.equal(await connections(), 1);

  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  const change = heard(session, 'permissionschange');
  await demo.api('DELETE', `/v1/groups/${analysts.id}/members/${anna.id}`);
  assert.deepEqual((await change).groupsRemoved, ['analysts']);
  const notice = heard(session, 'notice');
  const receipt = await demo.api('POST', `/v1/users/${anna.id}/notices`, { level: 'info', title: 'Soon', body: 'We stop.' });
  assert.ok(receipt.connections.told >= 1);
  assert.equal((await notice).title, 'Soon');
  assert.equal((await session.fetch('/v1/me')).status, 200);

  const ended = heard(session, 'ended');
  await demo.api('DELETE', `/v1/sessions/${session.id}`);
  assert.equal((await ended).reason, 'revoked_by_admin');
  assert.equal(session.transport, null);
  assert.deepEqual(changes.slice(2), ['ended null'], 'nothing flickered');
  assert.deepEqual(session.errors, []);
});

test('without any WebSocket the stream is taken at once', async (t) => {
  const demo = await startDemo(t);
  // Node has had a WebSocket of its own since version 22.
  const own = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
  delete globalThis.WebSocket;
  t.after(() => own && Object.defineProperty(globalThis, 'WebSocket', own));
  const session = await signedIn(t, demo.url, demo.users[0], { WebSocket: undefined });
  assert.equal(session.transport, 'sse');
  assert.deepEqual(session.errors, []);
});

test('a proxy that swallows upgrades is found out by time', async (t) => {
  const time = new FakeTime({ random: 0 });
  const { proxy, session } = await behindProxy(t, { upgrades: 'swallowed' }, { internals: { time } });
  await eventually(() => proxy.upgradesSeen === 1);
  time.pass(15_000);
  await eventually(() => proxy.upgradesSeen === 2);
  time.pass(6_000);
  await until(session, () => session.state === 'live');
  assert.equal(session.transport, 'sse');
  assert.deepEqual(session.errors, []);
});

test('a newer token opens a newer stream before the old one is let go of', async (t) => {
  const { proxy, session, changes, connections } = await behindProxy(t);
  await until(session, () => session.state === 'live');
  const before = proxy.streams;
  await session.refresh();
  await eventually(async () => proxy.streams === before + 1 && (await connections()) === 1);
  assert.equal(session.state, 'live');
  assert.deepEqual(changes, ['connecting null', 'live sse']);
  assert.deepEqual(session.errors, []);
});

test('goes back to the WebSocket later, without a gap', async (t) => {
  const time = new FakeTime({ random: 0 });
  const { proxy, session, changes, connections } = await behindProxy(t, { settings: QUIET }, { internals: { time } });
  await time.set(0);
  time.pass(0);
  await until(session, () => session.state === 'live');
  const seen = proxy.upgradesSeen;
  await passHearing(time, session, BACK_MS.first - 1_000);
  assert.equal(proxy.upgradesSeen, seen, 'not so soon');

  await passHearing(time, session, 1_000);
  assert.equal(proxy.upgradesSeen, seen + 1, 'tried, and refused again');
  assert.equal(session.transport, 'sse');

  await passHearing(time, session, 2 * BACK_MS.first - 1_000);
  assert.equal(proxy.upgradesSeen, seen + 1, 'twice as long');
  proxy.upgrades = 'passed';
  time.pass(1_000);
  const change = heard(session, 'statechange');
  await session.refresh();
  assert.deepEqual(await change, { state: 'live', previous: 'live', transport: 'websocket' });
  await eventually(async () => (await connections()) === 1);
  assert.deepEqual(changes, ['connecting null', 'live sse', 'live websocket']);
  assert.deepEqual(session.errors, []);
});

test('silence is looked into with another stream, and a dead one is replaced', async (t) => {
  const time = new FakeTime({ random: 0 });
  const { proxy, session } = await behindProxy(t, { settings: QUIET }, { internals: { time } });
  await time.set(0);
  time.pass(0);
  await until(session, () => session.state === 'live');
  time.sleep(100_000);
  await eventually(() => proxy.streams === 2);
  assert.equal(session.state, 'live');
  // Its welcome is the answer: then the deadline of five seconds is taken away.
  await eventually(() => !time.has(5_000));
  time.pass(10_000);
  assert.equal(session.state, 'live');

  proxy.cut = true;
  const away = heard(session, 'statechange', ({ state }) => state !== 'live');
  time.sleep(100_000);
  await time.set(5_000);
  proxy.cut = false;
  time.pass(5_000);
  await away;
  await until(session, () => session.state === 'live');
  assert.equal(session.transport, 'sse');
});

test('heartbeats keep it from asking', async (t) => {
  const { proxy, session } = await behindProxy(t, { settings: { SESSIONWIRE_HEARTBEAT_S: '1' } });
  await until(session, () => session.state === 'live');
  await new Promise((resolve) => setTimeout(resolve, 4_500));
  assert.equal(proxy.streams, 1, 'twice the heartbeat has passed twice');
  assert.equal(session.state, 'live');
});

test('who can only hear is not asked', async (t) => {
  const { demo, session, anna } = await behindProxy(t);
  await until(session, () => session.state === 'live');
  await demo.api('PUT', `/v1/policies/users/${anna.id}`, { max_sessions: 1, at_limit: 'approve' });
  const other = open(t, demo.url);
  const refused = await other.signIn(anna);
  assert.equal(refused.outcome, 'refused', 'nobody could answer');
  assert.ok(refused.takeOver);
});

test('the stream breaks: back by itself, and what changed meanwhile is told', async (t) => {
  const { demo, proxy, anna, session } = await behindProxy(t);
  await until(session, () => session.state === 'live');
  const away = heard(session, 'statechange', ({ state }) => state !== 'live');
  proxy.cut = true;
  proxy.drop();
  await away;
  const staff = demo.groups.find(({ name }) => name === 'staff');
  await demo.api('PUT', `/v1/groups/${staff.id}/permissions`, { permissions: ['home:read'] });
  const change = heard(session, 'permissionschange');
  proxy.cut = false;
  assert.deepEqual((await change).lost, ['team:read']);
  await until(session, () => session.state === 'live' && session.transport === 'sse');
  assert.equal(session.user.id, anna.id);
});

test('a server that makes way and comes back, behind such a proxy', async (t) => {
  const server = await startServe(t, { SESSIONWIRE_DRAIN_S: '0' });
  await server.start();
  const ann = { username: 'ann', password: 'a good long password' };
  await server.api('POST', '/v1/users', ann);
  const proxy = await startProxy(t, server.url);
  const session = await signedIn(t, proxy.url, ann);
  assert.equal(session.transport, 'sse');
  const away = heard(session, 'statechange', ({ state }) => state !== 'live');
  await server.stop();
  await away;
  await server.start();
  await until(session, () => session.state === 'live');
  assert.equal(session.transport, 'sse');
});

test('a token that runs out over the stream is refreshed and used', async (t) => {
  const script = await startScript(t);
  const streams = [];
  const fetching = async (input, init) => {
    if (!String(input).endsWith('/v1/stream')) return fetch(input, init);
    streams.push(new Headers(init.headers));
    const first = streams.length === 1;
    const events = first ? 'event: close\ndata: {"code":4001,"reason":"token_expired"}\n\n' : ':\n\nevent: welcome\ndata: {"session_id":"s1","groups":[],"permissions":[],"as_of":9,"heartbeat_seconds":60}\n\n';
    const body = new ReadableStream({
      start(control) {
        control.enqueue(new TextEncoder().encode(events));
        if (first) control.close();
        init.signal.addEventListener('abort', () => control.error(init.signal.reason));
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  const session = open(t, script.url, { WebSocket: 'none', fetch: fetching });
  await session.signIn(person);
  await until(session, () => session.state === 'live');
  assert.deepEqual(streams.map((headers) => headers.get('authorization').split('.').at(-1)), ['0', '1']);
  assert.equal(script.rotation, 1);
  session.close();
});

for (const [code, status, then] of [['session_ended', 401, 'ended'], ['forbidden', 403, 'offline']]) {
  test(`a stream that is refused with ${code} leads where the close would`, async (t) => {
    const script = await startScript(t, { answers: { '/v1/stream': () => [status, { code, reason: 'idle_timeout' }] } });
    const session = open(t, script.url, { WebSocket: 'none' });
    await session.signIn(person);
    await until(session, () => session.state === then);
    if (then === 'ended') assert.equal(session.ended.reason, 'idle_timeout');
    else assert.equal(session.errors.length, 1);
  });
}

test('a server without streams, and a fetch without them: the WebSocket alone', async (t) => {
  const script = await startScript(t);
  const { WebSocket, count } = countingSockets();
  let refuse = 3;
  class Refused extends WebSocket {
    constructor(url, protocols) {
      super(refuse > 0 ? 'ws://127.0.0.1:1/' : url, protocols);
      refuse -= 1;
    }
  }
  const time = new FakeTime({ random: 0 });
  const session = open(t, script.url, { WebSocket: Refused, internals: { time } });
  await session.signIn(person);
  for (let made = 1; made < 4; made += 1) {
    await eventually(() => count.made === made);
    await time.set(0);
    time.pass(0);
  }
  await until(session, () => session.state === 'live');
  assert.equal(session.transport, 'websocket');
  assert.equal(script.requests.filter(({ path }) => path === '/v1/stream').length, 1, 'asked once');
});

test('events are read however they are cut', () => {
  const text = ':\n\nevent: notice\nid: 7\ndata: {"a":"\u00e9: b"}\n\nevent: close\nretry: 5\ndata:x\ndata: y\n\n';
  const whole = new EventReader().read(text);
  assert.deepEqual(whole, [null, { name: 'notice', id: '7', data: '{"a":"\u00e9: b"}' }, { name: 'close', id: null, data: 'x\ny' }]);
  for (let size = 1; size < text.length; size += 1) {
    const reader = new EventReader();
    const read = [];
    for (let at = 0; at < text.length; at += size) read.push(...reader.read(text.slice(at, at + size)));
    assert.deepEqual(read, whole, `pieces of ${size}`);
  }
  assert.throws(() => new EventReader().read('x'.repeat(3_000_000)), RangeError);
});

test('which way to take', () => {
  const time = new FakeTime();
  const roads = new Roads(time, true);
  assert.deepEqual(roads.order(), ['websocket']);
  roads.failed('websocket');
  assert.deepEqual(roads.order(), ['websocket', 'sse'], 'the stream only beside a socket that has just failed');
  roads.failed('websocket');
  roads.failed('sse');
  assert.deepEqual(roads.order(), ['websocket', 'sse'], 'no network is no reason for the stream');
  roads.failed('websocket');
  roads.worked('sse');
  assert.deepEqual(roads.order(), ['sse']);
  time.pass(BACK_MS.first);
  assert.deepEqual(roads.order(), ['websocket', 'sse']);
  roads.failed('websocket');
  roads.worked('sse');
  time.pass(BACK_MS.first);
  assert.deepEqual(roads.order(), ['sse'], 'twice as long');
  roads.changed();
  assert.deepEqual(roads.order(), ['websocket', 'sse'], 'another network');
  roads.failed('sse');
  assert.deepEqual(roads.order(), ['websocket', 'sse']);
  roads.worked('websocket');
  assert.deepEqual(roads.order(), ['websocket']);
  for (let turn = 0; turn < 20; turn += 1) {
    roads.failed('websocket');
    roads.worked('sse');
  }
  time.pass(BACK_MS.longest);
  assert.deepEqual(roads.order(), ['websocket', 'sse'], 'never longer than that');
  assert.deepEqual(new Roads(time, false).order(), ['sse']);
});
