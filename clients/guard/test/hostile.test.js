/** A server that lies, babbles, stalls and falls over: the guard stays within its bounds and decides nothing by it. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import test from 'node:test';

import { systemClock } from '../src/time.js';
import { guardOf, heard, metric, refusal } from './support/guard.js';
import { AUDIENCE, ISSUER, makeKey, tokenBy } from './support/keys.js';
import { beginFeed, changes, hello, json, snapshot, startScript, tell } from './support/script.js';

const key = await makeKey('one');
const jwks = { keys: [key.jwk] };
const soon = Math.floor(Date.now() / 1000) + 3600;
const ended = (seq, session = randomUUID()) => ({ kind: 'session_ended', session_id: session, reason: 'signed_out', seq, keep_until: soon });
const guardBy = (t, script, options) => guardOf(t, { url: script.url, issuer: ISSUER, audience: AUDIENCE, ...options });

/** A clock that writes down how long is waited. */
function noting() {
  const waits = [];
  const after = (callback, ms) => {
    waits.push(ms);
    return systemClock.after(callback, ms);
  };
  return { waits, clock: { ...systemClock, after } };
}

/** Each course follows a whole snapshot at 100; its cause is what the guard reports. */
const COURSES = {
  'no JSON': ['unreadable', (response) => response.write('event: changes\ndata: {"after":\n\n')],
  'no object': ['unreadable', (response) => response.write('event: changes\ndata: 7\n\n')],
  'no UTF-8': ['unreadable', (response) => response.write(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0xfe, 0x0a, 0x0a]))],
  'a gap': ['gap', (response) => tell(response, changes(101, 102, [ended(102)]))],
  'a stretch that runs back': ['gap', (response) => tell(response, changes(100, 99))],
  'no list of changes': ['unreadable', (response) => tell(response, changes(100, 101, { length: 1 }))],
  'a change outside of its stretch': ['unreadable', (response) => tell(response, changes(100, 101, [ended(102)]))],
  'a kind that nobody knows': ['unreadable', (response) => tell(response, changes(100, 101, [{ ...ended(101), kind: 'planet_ended' }]))],
  'a kind out of the prototype': ['unreadable', (response) => tell(response, changes(100, 101, [{ ...ended(101), kind: 'constructor' }]))],
  'a session that is none': ['unreadable', (response) => tell(response, changes(100, 101, [ended(101, 'x')]))],
  'positions that are none': ['unreadable', (response) => tell(response, changes(100, 2 ** 60))],
  'pieces of two snapshots': ['unreadable', (response) => tell(response, snapshot(200, [], true), snapshot(300))],
  'a problem': ['problem', (response) => tell(response, { event: 'problem', data: { code: 'cannot_decide' } })],
  'a cut': ['cut', (response) => setImmediate(() => response.destroy())],
};

for (const [name, [cause, course]] of Object.entries(COURSES)) {
  test(`${name}: read on from the position`, async (t) => {
    const feed = (turn, response) => {
      beginFeed(response);
      if (turn > 1) return tell(response, hello(101), changes(100, 101, [ended(101)]));
      tell(response, hello(100), snapshot(100));
      return course(response);
    };
    const script = await startScript(t, { jwks, feed });
    const guard = guardBy(t, script);
    assert.equal((await heard(guard, 'error')).code, cause);
    await heard(guard, 'change');
    assert.equal(script.feeds[1].headers['last-event-id'], '100');
    assert.equal(guard.position, 101);
    await guard.ready;
    assert.equal(await refusal(guard, await tokenBy(key)), null);
  });
}

test('a line without end is cut at its bound', async (t) => {
  let written = 0;
  let isClosed;
  const closed = new Promise((resolve) => (isClosed = resolve));
  const feed = async (turn, response) => {
    beginFeed(response);
    tell(response, hello(100), snapshot(100));
    if (turn > 1) return;
    response.on('close', isClosed);
    response.write('data: ');
    while (!response.closed) {
      written += 65_536;
      if (!response.write(Buffer.alloc(65_536, 0x61))) await Promise.race([once(response, 'drain'), closed]);
    }
  };
  const script = await startScript(t, { jwks, feed });
  const guard = guardBy(t, script);
  const error = await heard(guard, 'error');
  assert.deepEqual([error.code, /8388608 bytes/.test(error.message)], ['unreadable', true]);
  await closed;
  // What the kernel holds besides.
  assert.ok(written < 8 * 1024 * 1024 + 16 * 1024 * 1024);
  await heard(guard, 'insync', () => script.feeds.length > 1);
});

test('part of a snapshot is none', async (t) => {
  const session = randomUUID();
  const token = await tokenBy(key, { sid: session });
  const feed = (turn, response) => {
    beginFeed(response);
    if (turn === 1) {
      tell(response, hello(100), snapshot(100, [ended(50)], true));
      return response.end();
    }
    return turn === 2 ? tell(response, hello(100)) : undefined;
  };
  const script = await startScript(t, { jwks, feed });
  const guard = guardBy(t, script);
  await script.until(() => script.feeds.length === 2);
  assert.equal(guard.position, null);
  assert.equal(script.feeds[1].headers['last-event-id'], undefined);
  await script.until(() => script.requests.some(({ path }) => path.endsWith('jwks.json')));
  assert.equal(await refusal(guard, token), 'cannot_decide');
});

test('reset: nothing is decided until the next snapshot is whole', async (t) => {
  const session = randomUUID();
  const token = await tokenBy(key, { sid: session });
  let feedOf;
  const feed = (_turn, response) => {
    feedOf = response;
    beginFeed(response);
    tell(response, hello(100), snapshot(100, [ended(50, session)]));
  };
  const script = await startScript(t, { jwks, feed });
  const guard = guardBy(t, script);
  await guard.ready;
  assert.equal(await refusal(guard, token), 'session_ended signed_out');
  const lag = heard(guard, 'lag');
  tell(feedOf, { event: 'reset' }, snapshot(300, [], true));
  await lag;
  assert.equal(await refusal(guard, token), 'cannot_decide');
  const back = heard(guard, 'insync');
  tell(feedOf, snapshot(300));
  await back;
  assert.equal(guard.position, 300);
  assert.equal(await refusal(guard, token), null);
  assert.equal(metric(guard, 'feed_resets_total'), 1);
});

test('who is behind its server says so', async (t) => {
  let feedOf;
  const feed = (_turn, response) => {
    feedOf = response;
    beginFeed(response);
    tell(response, hello(500), snapshot(100));
  };
  const script = await startScript(t, { jwks, feed });
  const guard = guardBy(t, script);
  await guard.ready;
  const token = await tokenBy(key);
  assert.equal(await refusal(guard, token), 'cannot_decide');
  const moved = heard(guard, 'change');
  tell(feedOf, changes(100, 300, [ended(300)], 500));
  await moved;
  assert.equal(await refusal(guard, token), 'cannot_decide');
  const back = heard(guard, 'insync');
  tell(feedOf, changes(300, 500));
  assert.equal((await back).seq, 500);
  assert.equal(await refusal(guard, token), null);
});

for (const [name, talk] of Object.entries({
  'says nothing more': () => {},
  'says nothing but comments': (response) => setInterval(() => response.write(':\n'), 50),
  'never ends its message': (response) => setInterval(() => response.write('data: x\n'), 50),
})) {
  test(`a server that ${name} is left`, async (t) => {
    let talking;
    const feed = (turn, response) => {
      beginFeed(response);
      if (turn > 1) return;
      tell(response, hello(100, 500), snapshot(100));
      talking = talk(response);
    };
    const script = await startScript(t, { jwks, feed });
    t.after(() => clearInterval(talking));
    const guard = guardBy(t, script);
    assert.equal((await heard(guard, 'error')).code, 'silent');
    await script.until(() => script.feeds.length === 2);
    assert.equal(script.feeds[1].headers['last-event-id'], '100');
  });
}

for (const status of [401, 403]) {
  test(`${status}: stays out for half a minute`, async (t) => {
    const { waits, clock } = noting();
    const script = await startScript(t, { jwks, feed: (_turn, response) => json(response, status, { code: 'token_invalid' }) });
    const guard = guardBy(t, script, { internals: { clock } });
    assert.equal((await heard(guard, 'error')).code, 'refused');
    await new Promise(setImmediate);
    assert.ok(waits.includes(30_000));
    assert.equal(script.feeds.length, 1);
  });
}

test('a server that falls over is come back to later and later', async (t) => {
  const { waits, clock } = noting();
  t.mock.method(Math, 'random', () => 0.9);
  const script = await startScript(t, { jwks, feed: (_turn, response) => json(response, 503, {}) });
  const guard = guardBy(t, script, { internals: { clock } });
  await script.until(() => script.feeds.length === 5);
  assert.equal(metric(guard, 'feed_reconnects_total'), 4);
  const backoff = waits.filter((ms) => [90, 180, 360, 720].includes(Math.round(ms)));
  assert.deepEqual(backoff, [90, 180, 360, 720]);
});

test('a server that is full says when to come back', async (t) => {
  const { waits, clock } = noting();
  const feed = (_turn, response) => {
    response.writeHead(429, { 'retry-after': '7' });
    response.end();
  };
  const script = await startScript(t, { jwks, feed });
  const guard = guardBy(t, script, { internals: { clock } });
  await heard(guard, 'error', ({ code }) => code === 'unreachable');
  await new Promise(setImmediate);
  assert.ok(waits.some((ms) => ms >= 7_000 && ms < 7_200));
});

test('a redirect is not followed: the key goes where its owner said', async (t) => {
  const thief = await startScript(t, { jwks });
  const away = (path) => (_seen, response) => {
    response.writeHead(307, { location: thief.url + path });
    response.end();
  };
  const answers = { '/v1/feed': away('/v1/feed'), '/.well-known/jwks.json': away('/.well-known/jwks.json') };
  const script = await startScript(t, { answers });
  const guard = guardBy(t, script);
  await heard(guard, 'error', ({ code }) => code === 'unreachable');
  assert.deepEqual(thief.requests, []);
});

test('a page instead of the feed', async (t) => {
  const feed = (_turn, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<h1>Sign in to this network</h1>');
  };
  const guard = guardBy(t, await startScript(t, { jwks, feed }));
  assert.equal((await heard(guard, 'error')).code, 'unreachable');
  assert.equal(guard.position, null);
});

test('an index past its bound: the guard can not decide, and says so', async (t) => {
  const feed = (turn, response) => {
    beginFeed(response);
    if (turn === 1) tell(response, hello(100), snapshot(100, [ended(1), ended(2), ended(3)]), changes(100, 102, [ended(101), ended(102)]));
  };
  const script = await startScript(t, { jwks, feed });
  const guard = guardBy(t, script, { indexSizeMax: 4, maxFeedLagMs: 1000 });
  assert.equal((await heard(guard, 'error')).code, 'too_large');
  assert.deepEqual([guard.position, metric(guard, 'index_entries'), metric(guard, 'feed_faults_total{fault="too_large"}')], [100, 3, 1]);
  await heard(guard, 'lag');
  assert.equal(await refusal(guard, await tokenBy(key)), 'cannot_decide');
});

test('acknowledgements: one at a time, the latest wins, and a failed one is repeated', async (t) => {
  let feedOf;
  const feed = (_turn, response) => {
    feedOf = response;
    beginFeed(response);
    tell(response, hello(100), snapshot(100));
  };
  const held = [];
  const seqs = [];
  const answers = {
    '/v1/feed/acks': ({ body }, response) => {
      seqs.push(JSON.parse(body).seq);
      held.push(response);
    },
  };
  const script = await startScript(t, { jwks, feed, answers });
  const guard = guardBy(t, script);
  const acks = () => script.requests.filter(({ path }) => path === '/v1/feed/acks').length;
  await script.until(() => acks() === 1);
  const done = heard(guard, 'change', ({ seq }) => seq === 150);
  for (let seq = 100; seq < 150; seq += 1) tell(feedOf, changes(seq, seq + 1, [ended(seq + 1)]));
  await done;
  assert.deepEqual(seqs, [100]);
  json(held.pop(), 500, {});
  await script.until(() => acks() === 2);
  json(held.pop(), 204);
  tell(feedOf, changes(150, 151));
  await script.until(() => acks() === 3);
  assert.deepEqual(seqs, [100, 150, 151]);
});

test('a crowd of questions is bounded, and a strange answer is none', async (t) => {
  const held = [];
  let isStrange = false;
  const answers = {
    '/oauth/introspect': (_seen, response) => {
      if (!isStrange) return held.push(response);
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end('{"active":"yes"}');
    },
  };
  const script = await startScript(t, { jwks, answers });
  const guard = guardBy(t, script, { behind: 'introspect' });
  await script.until(() => script.requests.some(({ path }) => path.endsWith('jwks.json')));
  const token = await tokenBy(key);
  while ((await refusal(guard, token, { behind: 'refuse' })) !== 'cannot_decide' || metric(guard, 'key_fetches_total{outcome="done"}') === 0) await new Promise(setImmediate);
  const crowd = Array.from({ length: 60 }, () => refusal(guard, token));
  await script.until(() => script.requests.filter(({ path }) => path === '/oauth/introspect').length === 50);
  for (const response of held) json(response, 200, { active: true });
  const said = await Promise.all(crowd);
  assert.deepEqual([said.filter((it) => it === null).length, said.filter((it) => it === 'cannot_decide').length], [50, 10]);
  isStrange = true;
  assert.equal(await refusal(guard, token), 'cannot_decide');
});
