/** Several tabs of a profile: clients that share a storage, against the real server. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { startDemo } from './support/server.js';
import { heard, open, sharedStorage, signedIn, until } from './support/client.js';

function counting(requests = []) {
  return [requests, (input, init) => {
    requests.push(new URL(String(input)).pathname);
    return fetch(input, init);
  }];
}

async function threeTabs(t, demo, options = {}) {
  const storage = sharedStorage();
  const first = await signedIn(t, demo.url, demo.users[0], { storage, ...options });
  const others = [open(t, demo.url, { storage, ...options }), open(t, demo.url, { storage, ...options })];
  const tabs = [first, ...others];
  await Promise.all(tabs.map((tab) => until(tab, () => tab.state === 'live')));
  return { tabs, storage };
}

/** Locks as a browser has them, for tabs of one process. */
function locks() {
  const tails = new Map();
  return {
    request(name, { signal }, run) {
      const before = tails.get(name) ?? Promise.resolve();
      const turn = Promise.race([before, new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))]);
      const result = turn.then(run);
      tails.set(name, result.catch(() => {}));
      return result;
    },
  };
}

test('three tabs refresh at once, without locks: all stay signed in, by the grace of the server', async (t) => {
  const demo = await startDemo(t);
  const { tabs, storage } = await threeTabs(t, demo);
  for (let round = 0; round < 3; round += 1) await Promise.all(tabs.map((tab) => tab.refresh()));
  const answers = await Promise.all(tabs.map((tab) => tab.fetch('/v1/me')));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.deepEqual(tabs.map(({ state }) => state), ['live', 'live', 'live']);
  assert.equal(new Set(tabs.map(({ id }) => id)).size, 1);
  assert.equal(JSON.parse(storage.texts.get('sessionwire:default:session')).session.id, tabs[0].id);
  assert.deepEqual(tabs.flatMap(({ errors }) => errors), []);
});

test('with locks three tabs share one refresh', async (t) => {
  const demo = await startDemo(t);
  const [requests, counted] = counting();
  const { platformOf } = await import('../src/platform.js');
  const platform = { ...platformOf(), locks: locks() };
  const { tabs } = await threeTabs(t, demo, { fetch: counted, internals: { platform } });
  requests.length = 0;
  await Promise.all(tabs.map((tab) => tab.refresh()));
  assert.equal(requests.filter((path) => path === '/v1/token/refresh').length, 1);
});

test('a change of rights reaches every tab, and one fresh token is enough for all', async (t) => {
  const demo = await startDemo(t);
  const [requests, counted] = counting();
  const { platformOf } = await import('../src/platform.js');
  const { tabs } = await threeTabs(t, demo, { fetch: counted, internals: { platform: { ...platformOf(), locks: locks() } } });
  requests.length = 0;
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  const changes = tabs.map((tab) => heard(tab, 'permissionschange'));
  await demo.api('DELETE', `/v1/groups/${analysts.id}/members/${demo.users[0].id}`);
  for (const { lost } of await Promise.all(changes)) assert.deepEqual(lost, ['reports:export', 'reports:read']);
  await Promise.all(tabs.map((tab) => tab.fetch('/v1/me')));
  assert.deepEqual(tabs.map(({ permissions }) => permissions.join()), Array(3).fill('home:read,team:read'));
  assert.equal(requests.filter((path) => path === '/v1/token/refresh').length, 1);
});

test('without locks a tab does not rotate a token again while the request of a slower tab is on its way', async (t) => {
  const demo = await startDemo(t);
  const { FakeTime } = await import('./support/time.js');
  const time = new FakeTime({ now: Date.now() });
  const storage = sharedStorage();
  const quick = await signedIn(t, demo.url, demo.users[0], { storage, internals: { time } });
  let letGo = () => {};
  const way = new Promise((resolve) => (letGo = resolve));
  let left = () => {};
  const underway = new Promise((resolve) => (left = resolve));
  const slow = open(t, demo.url, {
    storage,
    fetch: async (input, init) => {
      if (!String(input).endsWith('/v1/token/refresh')) return fetch(input, init);
      left();
      await way;
      return fetch(input, init);
    },
  });
  await until(slow, () => slow.state === 'live');
  const late = slow.refresh();
  await underway;
  await quick.refresh();
  const again = quick.refresh();
  await Promise.race([again, time.set(5_000)]);
  letGo();
  await late;
  time.pass(5_000);
  await again;
  assert.deepEqual([quick.state, slow.state], ['live', 'live']);
});

test('a lock that is never given delays, but does not stop the refresh', async (t) => {
  const demo = await startDemo(t);
  const { platformOf } = await import('../src/platform.js');
  const { FakeTime } = await import('./support/time.js');
  const time = new FakeTime({ now: Date.now() });
  const asked = Promise.withResolvers?.() ?? resolvers();
  const stuck = {
    request: (_, { signal }) =>
      new Promise((__, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        asked.resolve();
      }),
  };
  const session = await signedIn(t, demo.url, demo.users[0], {
    storage: sharedStorage(),
    internals: { time, platform: { ...platformOf(), locks: stuck } },
  });
  const refreshed = session.refresh();
  await asked.promise;
  time.pass(5_000);
  await refreshed;
});

test('signing out in one tab signs the others out at once; signing in signs them in', async (t) => {
  const demo = await startDemo(t);
  const { tabs } = await threeTabs(t, demo);
  const ends = tabs.map((tab) => heard(tab, 'ended'));
  await tabs[1].signOut();
  assert.deepEqual((await Promise.all(ends)).map(({ reason }) => reason), Array(3).fill('signed_out'));
  assert.deepEqual(tabs.map(({ state }) => state), ['ended', 'ended', 'ended']);
  await tabs[2].signIn(demo.users[1]);
  await Promise.all(tabs.map((tab) => until(tab, () => tab.state === 'live' && tab.user.username === 'ben')));
});

test('a sign-out is heard even where the server can not be reached and the storage fails', async (t) => {
  const demo = await startDemo(t);
  const storage = sharedStorage();
  let broken = false;
  const failing = {
    ...storage,
    set(key, text) {
      if (broken) throw new Error('quota');
      storage.set(key, text);
    },
  };
  let offline = false;
  const unreachable = (input, init) => (offline ? Promise.reject(new TypeError('offline')) : fetch(input, init));
  class NoSocket {
    close() {}
  }
  const one = open(t, demo.url, { storage: failing, fetch: unreachable, WebSocket: NoSocket });
  await one.signIn(demo.users[0]);
  const other = open(t, demo.url, { storage, fetch: unreachable, WebSocket: NoSocket });
  await other.ready;
  assert.equal(other.id, one.id);
  broken = true;
  offline = true;
  const ended = heard(other, 'ended');
  await one.signOut();
  assert.equal((await ended).reason, 'signed_out');
  assert.deepEqual(one.errors.map(({ code }) => code).sort(), ['sign_out_not_confirmed', 'storage_unavailable']);
});

test('two namespaces are two devices', async (t) => {
  const demo = await startDemo(t);
  const storage = sharedStorage();
  const one = await signedIn(t, demo.url, demo.users[0], { storage, namespace: 'a' });
  const other = await signedIn(t, demo.url, demo.users[0], { storage, namespace: 'b' });
  assert.notEqual(one.device.id, other.device.id);
  await one.signOut();
  assert.equal(other.state, 'live');
});

function resolvers() {
  const it = {};
  it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }));
  return it;
}
