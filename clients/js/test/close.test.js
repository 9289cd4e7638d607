/** After close() nothing is left: a program that did everything exits by itself. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { JSDOM } from 'jsdom';

import { platformOf } from '../src/platform.js';
import { countingSockets, open, sharedStorage, signedIn } from './support/client.js';
import { startDemo } from './support/server.js';
import { FakeTime } from './support/time.js';
import { person, startScript } from './support/script.js';

const run = promisify(execFile);
const entry = new URL('../src/index.js', import.meta.url).href;

const program = (url, { username, password }, end) => `
  import { WebSocket } from 'ws';
  import { createSession } from ${JSON.stringify(entry)};
  const texts = new Map();
  const storage = { get: (key) => texts.get(key), set: (key, text) => void texts.set(key, text), remove: (key) => void texts.delete(key) };
  const session = createSession({ url: ${JSON.stringify(url)}, WebSocket, storage });
  await session.signIn(${JSON.stringify({ username, password })});
  while (session.state !== 'live') await new Promise((resolve) => session.on('change', resolve));
  await session.refresh();
  await session.fetch('/v1/me');
  ${end}
  process.on('exit', () => console.log('left: ' + process.getActiveResourcesInfo().filter((name) => name !== 'TTYWrap' && name !== 'PipeWrap').join()));
`;

for (const [name, end] of [
  ['closed', 'session.close();'],
  ['signed out, then closed', 'await session.signOut(); session.close();'],
  ['closed during a refresh', 'session.refresh().catch(() => {}); session.close();'],
  ['closed twice', 'session.close(); session.close();'],
]) {
  test(`the program exits by itself: ${name}`, { timeout: 90_000 }, async (t) => {
    const demo = await startDemo(t);
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program(demo.url, demo.users[0], end)], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      timeout: 80_000,
    });
    assert.equal(stderr, '');
    assert.match(stdout, /^left: /);
    assert.doesNotMatch(stdout, /Timeout|TCPSocket|MessagePort/);
  });
}

test('no timer, listener, channel or socket is left', async (t) => {
  const script = await startScript(t);
  const { window } = new JSDOM('', { url: `${script.url}/` });
  const time = new FakeTime();
  const { WebSocket, count } = countingSockets();
  const channels = new Set();
  class Channel {
    constructor() {
      channels.add(this);
    }
    postMessage() {}
    close() {
      channels.delete(this);
    }
  }
  const listeners = [watchListeners(window), watchListeners(window.document)];
  const platform = { ...platformOf(window), BroadcastChannel: Channel };
  const session = open(t, script.url, { WebSocket, storage: sharedStorage(), internals: { time, platform } });
  await session.signIn(person);
  await new Promise((resolve) => session.on('change', () => session.state === 'live' && resolve()));
  assert.ok(time.waiting > 0);
  assert.equal(channels.size, 1);
  assert.ok(listeners.every((set) => set.size > 0));

  const gone = new Promise((resolve) => script.sockets[0].on('close', (code) => resolve(code)));
  session.close();
  assert.equal(await gone, 1000);
  assert.equal(time.waiting, 0);
  assert.equal(channels.size, 0);
  assert.deepEqual(listeners.map((set) => [...set]), [[], []]);
  assert.equal(count.all.filter(({ readyState }) => readyState <= 1).length, 0);
  window.dispatchEvent(new window.Event('online'));
  time.pass(3_600_000);
  assert.equal(count.made, 1);
  await assert.rejects(session.refresh(), { code: 'closed' });
  await assert.rejects(session.fetch('/x'), { code: 'closed' });
  await assert.rejects(session.signIn(person), { code: 'closed' });
  await assert.rejects(session.signOut(), { code: 'closed' });
});

test('closing does not sign out', async (t) => {
  const demo = await startDemo(t);
  const session = await signedIn(t, demo.url, demo.users[0]);
  const { id } = session;
  session.close();
  const { items } = await demo.api('GET', `/v1/sessions?user_id=${demo.users[0].id}&state=live`);
  assert.deepEqual(items.map((it) => it.id), [id]);
});

/** The listeners that are on this target now. */
function watchListeners(target) {
  const set = new Set();
  const { addEventListener, removeEventListener } = target;
  target.addEventListener = (name, ...rest) => {
    set.add(name);
    addEventListener.call(target, name, ...rest);
  };
  target.removeEventListener = (name, ...rest) => {
    set.delete(name);
    removeEventListener.call(target, name, ...rest);
  };
  return set;
}
