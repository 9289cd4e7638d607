/** Storages that fail, options that are wrong, platforms that lack things. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { JSDOM } from 'jsdom';
import { WebSocket } from 'ws';

import { createSession } from '../src/index.js';
import { platformOf } from '../src/platform.js';
import { countingSockets, heard, open, sharedStorage, until } from './support/client.js';
import { FakeTime } from './support/time.js';
import { person, startScript } from './support/script.js';

const throwing = () => {
  throw new Error('no storage here');
};
const failing = {
  'get throws': { ...sharedStorage(), get: throwing },
  'set throws (quota)': { ...sharedStorage(), set: throwing },
  'everything throws': { get: throwing, set: throwing, remove: throwing },
  'everything rejects': { get: async () => throwing(), set: async () => throwing(), remove: async () => throwing() },
};

for (const [name, storage] of Object.entries(failing)) {
  test(`memory takes over, and that is reported once: ${name}`, async (t) => {
    const script = await startScript(t);
    const session = open(t, script.url, { storage, WebSocket });
    await session.signIn(person);
    await until(session, () => session.state === 'live');
    await session.refresh();
    await session.signOut();
    assert.deepEqual(session.errors.map(({ code }) => code), ['storage_unavailable']);
    assert.equal(session.ended.reason, 'signed_out');
  });
}

test('a storage that never answers does not hold up ready', async (t) => {
  const script = await startScript(t);
  const time = new FakeTime();
  const never = () => new Promise(() => {});
  const session = open(t, script.url, { storage: { get: never, set: never, remove: never }, internals: { time } });
  await time.set(5_000);
  time.pass(5_000);
  await session.ready;
  assert.equal(session.state, 'ended');
});

test('a page without localStorage (private mode) works in memory', async (t) => {
  const script = await startScript(t);
  const { window } = new JSDOM('', { url: script.url });
  const platform = { ...platformOf(window), BroadcastChannel: undefined, localStorage: throwing, sessionStorage: throwing };
  for (const storage of ['local', 'memory']) {
    const session = open(t, script.url, { storage, internals: { platform } });
    await session.signIn(person);
    await until(session, () => session.state === 'live');
    assert.deepEqual(session.errors.map(({ code }) => code), ['storage_unavailable']);
  }
});

test('nonsense in the storage is no session', async (t) => {
  const script = await startScript(t);
  for (const text of ['{', 'null', '{"generation":3}', '5']) {
    const storage = sharedStorage(new Map([['sessionwire:default:session', text], ['sessionwire:default:device', 'not a uuid']]));
    const session = open(t, script.url, { storage });
    await session.ready;
    assert.equal(session.state, 'ended');
    await session.signIn(person);
    assert.match(JSON.parse(script.requests.at(-1).body).device.id, /^[0-9a-f-]{36}$/);
  }
});

test('an asynchronous storage works', async (t) => {
  const script = await startScript(t);
  const texts = new Map();
  const later = (act) => (...args) => new Promise((resolve) => setImmediate(() => resolve(act(...args))));
  const storage = { get: later((key) => texts.get(key)), set: later((key, text) => texts.set(key, text)), remove: later((key) => texts.delete(key)) };
  const session = open(t, script.url, { storage });
  await session.signIn(person);
  session.close();
  const again = open(t, script.url, { storage });
  await again.ready;
  assert.equal(again.user.username, 'ann');
  await again.signOut();
  assert.equal(JSON.parse(texts.get('sessionwire:default:session')).session, null);
});

test('storage local: the device and the session outlive a page; memory: the device outlives a reload of its tab', async (t) => {
  const script = await startScript(t);
  const { window } = new JSDOM('', { url: script.url });
  const internals = { platform: { ...platformOf(window), BroadcastChannel: undefined } };
  const ids = [];
  for (const storage of ['local', 'local', 'memory', 'memory']) {
    const session = open(t, script.url, { storage, internals });
    await session.ready;
    if (!session.user) await session.signIn(person);
    ids.push(JSON.parse(script.requests.findLast(({ path }) => path === '/v1/sign-in').body).device.id);
    session.close();
  }
  assert.equal(script.requests.filter(({ path }) => path === '/v1/sign-in').length, 3);
  assert.equal(ids[2], ids[3]);
  assert.notEqual(ids[1], ids[2]);
});

test('without BroadcastChannel tabs hear each other by the storage event', async (t) => {
  const script = await startScript(t);
  const { window } = new JSDOM('', { url: script.url });
  const internals = { platform: { ...platformOf(window), BroadcastChannel: undefined } };
  const one = open(t, script.url, { storage: 'local', internals });
  const other = open(t, script.url, { storage: 'local', internals });
  // One window stands for two tabs: what one writes is made an event, as browsers do for the others.
  const { setItem } = window.Storage.prototype;
  window.Storage.prototype.setItem = function (key, newValue) {
    setItem.call(this, key, newValue);
    setImmediate(() => window.dispatchEvent(new window.StorageEvent('storage', { key, newValue })));
  };
  await one.signIn(person);
  await until(other, () => other.state === 'live');
  const ended = heard(other, 'ended');
  await one.signOut();
  assert.equal((await ended).reason, 'signed_out');
});

test('the page tells: activity, being shown, online and offline', async (t) => {
  const script = await startScript(t);
  const { window } = new JSDOM('', { url: script.url });
  const time = new FakeTime();
  const { WebSocket: Counting, count } = countingSockets();
  const platform = { ...platformOf(window), BroadcastChannel: undefined };
  const session = open(t, script.url, { WebSocket: Counting, internals: { time, platform } });
  await session.signIn(person);
  await until(session, () => session.state === 'live');
  const said = (type) => script.sockets[0].heard.filter((message) => message.type === type).length;
  time.pass(2_000);
  window.document.dispatchEvent(new window.Event('keydown'));
  await script.until(() => said('activity') === 1);
  window.dispatchEvent(new window.Event('offline'));
  await script.until(() => said('ping') === 1);
  const notice = heard(session, 'notice');
  script.sockets[0].send('{"type":"notice","id":1,"level":"info","title":"t","body":"b","at":"now"}');
  await notice;
  window.dispatchEvent(new window.Event('online'));
  await script.until(() => said('ping') === 2);
  assert.equal(count.made, 1);
});

test('options that are wrong say so at once', () => {
  const make = (options) => () => createSession({ WebSocket, ...options });
  assert.throws(make({}), /url/);
  assert.throws(make({ url: 'ftp://x' }), /http/);
  assert.throws(make({ url: 'http://x', storage: 'disk' }), /storage/);
});

test('a base with a path is kept for the client’s own calls', async (t) => {
  const script = await startScript(t, { answers: { '/auth/v1/sign-in': () => [401, { code: 'invalid_credentials' }] } });
  const session = open(t, `${script.url}/auth/`);
  await assert.rejects(session.signIn(person), { code: 'invalid_credentials' });
});

test('a server that is no Sessionwire, and none at all', async (t) => {
  const script = await startScript(t, { answers: { '/v1/sign-in': () => [200, ['hello']] } });
  const session = open(t, script.url);
  await assert.rejects(session.signIn(person), { code: 'bad_answer' });
  const nowhere = open(t, 'http://127.0.0.1:1');
  await assert.rejects(nowhere.signIn(person), { code: 'network_error', status: 0 });
});

test('an answer that never comes is a timeout', async (t) => {
  const time = new FakeTime();
  const fetch = (_, { signal }) => new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const session = open(t, 'http://127.0.0.1:1', { fetch, internals: { time } });
  const answer = session.signIn(person);
  await time.set(15_000);
  await new Promise((resolve) => setImmediate(resolve));
  time.pass(15_000);
  await assert.rejects(answer, { code: 'timeout' });
});
