/** The connection, against a scripted server: close codes, half-open sockets, nonsense, idling. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { countingSockets, heard, open, until } from './support/client.js';
import { FakeTime } from './support/time.js';
import { person, startScript } from './support/script.js';

/** For tests that let minutes pass at once: no pong could come in between. */
const quiet = { heartbeatSeconds: 3_600 };

async function connected(t, how = {}, options = {}) {
  const script = await startScript(t, how);
  const time = new FakeTime();
  const { WebSocket, count } = countingSockets();
  const session = open(t, script.url, { WebSocket, internals: { time }, ...options });
  await session.signIn(person);
  await until(session, () => session.state === 'live');
  return { script, time, session, count };
}

test('comes back with back-off after whatever is no end', async (t) => {
  const { script, time, session, count } = await connected(t);
  time.chance = 0;
  for (const code of [1000, 1001, 4000, 4002, 4004]) {
    const away = heard(session, 'statechange', ({ state }) => state !== 'live');
    script.sockets.at(-1).close(code);
    await away;
    time.pass(0);
    await until(session, () => session.state === 'live');
  }
  assert.equal(count.most, 1);
  assert.equal(count.made, 6);
  assert.deepEqual(session.errors, []);
});

test('the back-off is between nothing and its bound, and starts anew after a connection that lived', async (t) => {
  const { script, time, session, count } = await connected(t);
  const back = async (bound) => {
    const away = heard(session, 'statechange', ({ state }) => state !== 'live');
    script.sockets.at(-1).terminate();
    await away;
    time.pass(bound / 2 - 1);
    const made = count.made;
    time.pass(1);
    assert.equal(count.made, made + 1, 'at half of the bound with a chance of a half');
    await until(session, () => session.state === 'live');
  };
  await back(500);
  await back(1_000);
  await back(2_000);
  time.pass(10_000);
  await back(500);
});

test("the server's after_ms wins", async (t) => {
  const { script, time, session, count } = await connected(t);
  const away = heard(session, 'statechange', ({ state }) => state !== 'live');
  script.sockets[0].send('{"type":"reconnect","after_ms":7000}');
  script.sockets[0].close(4000, 'draining');
  await away;
  time.pass(6_999);
  assert.equal(count.made, 1);
  time.pass(1);
  assert.equal(count.made, 2);
  await until(session, () => session.state === 'live');
});

test('4500 refreshes once, then the session is over', async (t) => {
  const { script, session } = await connected(t);
  const refreshes = () => script.requests.filter(({ path }) => path === '/v1/token/refresh').length;
  script.sockets[0].close(4500, 'token_invalid');
  await script.until(() => script.sockets.length === 2 && script.sockets[1].heard.length > 0);
  assert.equal(refreshes(), 1);
  assert.equal(script.sockets[1].heard[0].token.split('.')[2], '1', 'with the new token');
  const ended = heard(session, 'ended');
  script.sockets[1].close(4500, 'token_invalid');
  assert.equal((await ended).reason, 'token_invalid');
  assert.equal(refreshes(), 1);
});

for (const [code, reason] of [[4501, 'idle_timeout'], [4502, 'superseded'], [4503, 'user_suspended']]) {
  test(`${code} without a message before it is the end all the same`, async (t) => {
    const { script, session } = await connected(t);
    const ended = heard(session, 'ended');
    script.sockets[0].close(code, reason);
    const { reason: told, message } = await ended;
    assert.equal(told, reason);
    assert.ok(message.length > 10);
  });
}

test('4505, 4506 and 4507 stay out, keep the session and report', async (t) => {
  for (const [code, reason] of [[4505, 'protocol_error'], [4506, 'origin_not_allowed'], [4507, 'frame_too_large']]) {
    const { script, time, session, count } = await connected(t);
    const error = heard(session, 'error');
    const away = heard(session, 'statechange', ({ state }) => state === 'offline');
    script.sockets[0].close(code, reason);
    assert.equal((await error).code, reason);
    await away;
    time.pass(120_000);
    assert.equal(count.made, 1);
    assert.equal(session.user.username, 'ann');
    assert.equal((await session.fetch('/v1/other')).status, 404, 'still usable');
  }
});

test('a socket that went dead is found by silence, and replaced', async (t) => {
  const { script, time, session, count } = await connected(t);
  script.mute = true;
  time.pass(119_999);
  assert.equal(script.sockets[0].heard.filter(({ type }) => type === 'ping').length, 0);
  time.pass(1);
  await script.until(() => script.sockets[0].heard.some(({ type }) => type === 'ping'));
  const away = heard(session, 'statechange', ({ state }) => state !== 'live');
  time.pass(5_000);
  await away;
  time.pass(1_000);
  await until(session, () => session.state === 'live');
  assert.equal(count.made, 2);
  assert.equal(count.most, 1);
});

test('a pong keeps it; sleep asks for one at once', async (t) => {
  const { script, time, session, count } = await connected(t);
  const pings = () => script.sockets[0].heard.filter(({ type }) => type === 'ping').length;
  const silences = 3;
  for (let turn = 1; turn <= silences; turn += 1) {
    time.pass(120_000);
    await script.until(() => pings() === turn);
    // What is sent after the pong is heard after it.
    const notice = heard(session, 'notice');
    script.sockets[0].send('{"type":"notice","id":1,"level":"info","title":"t","body":"b","at":"now"}');
    await notice;
  }
  time.pass(15_000);
  time.sleep(100_000);
  await script.until(() => pings() === silences + 1);
  assert.equal(count.made, 1);
  assert.equal(session.state, 'live');
});

test('a server that accepts and says nothing is given up and tried again', async (t) => {
  const { script, time, session, count } = await connected(t);
  script.welcome = false;
  script.sockets[0].close(4004);
  await heard(session, 'statechange');
  time.pass(500);
  await script.until(() => script.sockets.length === 2);
  script.welcome = true;
  time.pass(15_000);
  time.pass(1_000);
  await until(session, () => session.state === 'live');
  assert.equal(count.most, 1);
});

test('nonsense is reported and does no harm', async (t) => {
  const { script, session } = await connected(t);
  const nonsense = ['', '{', 'null', '[]', '5', '{"type":7}', '{"type":"notice"}', '{"type":"permissions.changed","id":1,"groups":null}', Buffer.from([1, 2])];
  const unread = nonsense.length;
  for (const data of nonsense) script.sockets[0].send(data);
  script.sockets[0].send('{"type":"of.tomorrow"}');
  script.sockets[0].send('{"type":"session.revoked","id":1,"session_id":"another","reason":"superseded","message":"m"}');
  const notice = heard(session, 'notice');
  script.sockets[0].send('{"type":"notice","id":1,"level":"info","title":"t","body":"b","at":"now"}');
  await notice;
  assert.deepEqual(session.errors.map(({ code }) => code), Array(unread).fill('bad_message'));
  assert.equal(session.state, 'live');
});

test('a flood of notices is not answered with a flood', async (t) => {
  const { script, time, session } = await connected(t);
  let count = 0;
  session.on('notice', () => (count += 1));
  for (let id = 1; id <= 200; id += 1) script.sockets[0].send(JSON.stringify({ type: 'notice', id, level: 'info', title: 't', body: 'b', at: 'now' }));
  const last = heard(session, 'error');
  script.sockets[0].send('{"type":"error","code":"last","message":"m"}');
  await last;
  assert.equal(count, 200);
  time.pass(1_000);
  session.activity();
  await script.until(() => script.sockets[0].heard.some(({ type }) => type === 'activity'));
  assert.equal(script.sockets[0].heard.filter(({ type }) => type === 'ack').length, 20);
});

test('refreshes ahead of expiry, with jitter, and tells the open socket', async (t) => {
  const { script, time, session, count } = await connected(t, quiet);
  time.pass(247_500 - 1);
  assert.equal(script.rotation, 0);
  time.pass(1);
  await script.until(() => script.sockets[0].heard.some(({ type }) => type === 'token.refresh'));
  assert.equal(script.rotation, 1);
  assert.equal(count.made, 1);
  assert.equal(session.state, 'live');
});

test('a refresh that fails is tried again before the token runs out', async (t) => {
  const { script, time, session } = await connected(t, quiet);
  script.answers['/v1/token/refresh'] = () => [503, { code: 'cannot_decide', detail: 'not now' }];
  time.pass(247_500);
  await script.until(() => script.requests.filter(({ path }) => path === '/v1/token/refresh').length === 1);
  delete script.answers['/v1/token/refresh'];
  await time.set(1_000);
  time.pass(1_000);
  await script.until(() => script.rotation === 1);
  assert.equal(session.state, 'live');
});

test('nobody there: no silent refresh; the socket lives until 4001; the person brings it back', async (t) => {
  const { script, time, session, count } = await connected(t, quiet, { idleAfterMs: 60_000 });
  time.pass(299_000);
  assert.equal(script.rotation, 0);
  assert.equal(session.state, 'live');
  const away = heard(session, 'statechange', ({ state }) => state === 'offline');
  script.sockets[0].close(4001, 'token_expired');
  await away;
  time.pass(3_600_000);
  assert.equal(script.rotation, 0, 'the server can let the session idle out');
  assert.equal(count.made, 1);
  session.activity();
  await until(session, () => session.state === 'live');
  assert.equal(script.rotation, 1);
});

test('somebody there since the last refresh: the refresh is made', async (t) => {
  const { script, time, session } = await connected(t, quiet, { idleAfterMs: 60_000 });
  time.pass(70_000);
  session.activity();
  time.pass(247_500 - 70_000);
  await script.until(() => script.rotation === 1);
  assert.equal(session.state, 'live');
});

test('due while nobody was there: made as soon as somebody is', async (t) => {
  const { script, time, session } = await connected(t, quiet, { idleAfterMs: 60_000 });
  time.pass(280_000);
  assert.equal(script.rotation, 0);
  session.activity();
  await script.until(() => script.sockets[0].heard.some(({ type }) => type === 'token.refresh'));
  assert.equal(script.rotation, 1);
});

test('activity is told at most once a minute', async (t) => {
  const { script, time, session } = await connected(t, quiet);
  const told = () => script.sockets[0].heard.filter(({ type }) => type === 'activity').length;
  for (let second = 0; second < 150; second += 1) {
    session.activity();
    time.pass(1_000);
  }
  const reply = heard(session, 'error');
  script.sockets[0].send('{"type":"error","code":"last","message":"m"}');
  await reply;
  await script.until(() => told() >= 1);
  assert.ok(told() <= 3, `${told()}`);
});

test('a token that can not be refreshed now is waited for, and the session kept', async (t) => {
  const { script, time, session } = await connected(t, quiet);
  let fails = 0;
  script.answers['/v1/token/refresh'] = () => {
    fails += 1;
    return fails < 4 ? [503, { code: 'cannot_decide' }] : undefined;
  };
  time.chance = 0;
  const dead = heard(session, 'statechange');
  script.sockets[0].close(4001, 'token_expired');
  await dead;
  for (let seen = 1; seen < 4; seen += 1) {
    await script.until(() => fails >= seen);
    await time.set(0);
    time.pass(0);
  }
  await until(session, () => session.state === 'live' && script.sockets.length === 2);
  assert.equal(session.user.username, 'ann');
});
