/** Keys that come, go, are missing or wrong: who is accepted by which, and how often the server is asked. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';

import { systemClock } from '../src/time.js';
import { guardOf, heard, metric, refusal } from './support/guard.js';
import { AUDIENCE, ISSUER, makeKey, tokenBy } from './support/keys.js';
import { beginFeed, hello, json, snapshot, startScript, tell } from './support/script.js';

const [one, other, third] = [await makeKey('one'), await makeKey('other'), await makeKey('third')];
const KEYS = '/.well-known/jwks.json';

async function scripted(t, script, options = {}) {
  const feed = (_turn, response) => {
    beginFeed(response);
    tell(response, hello(100), snapshot(100));
    const beat = setInterval(() => tell(response, { event: 'changes', data: { after: 100, seq: 100, head: 100, changes: [] } }), 500);
    response.on('close', () => clearInterval(beat));
  };
  const server = await startScript(t, { feed, jwks: { keys: [one.jwk] }, ...script });
  const guard = guardOf(t, { url: server.url, issuer: ISSUER, audience: AUDIENCE, ...options });
  const fetches = () => server.requests.filter(({ path }) => path === KEYS).length;
  return { server, guard, fetches };
}

test('a token that is bound to a key is refused', async (t) => {
  const { guard } = await scripted(t, {});
  await guard.ready;
  assert.equal(await refusal(guard, await tokenBy(one)), null);
  for (const cnf of [{ jkt: 'A'.repeat(43) }, {}, null]) {
    assert.equal(await refusal(guard, await tokenBy(one, { cnf })), 'token_invalid');
  }
});

test('a key that vanishes takes what it signed with it, from memory too', async (t) => {
  const { server, guard, fetches } = await scripted(t, { jwks: { keys: [one.jwk, other.jwk] } });
  await guard.ready;
  const [ones, others, thirds] = [await tokenBy(one), await tokenBy(other), await tokenBy(third)];
  for (const token of [ones, others]) assert.equal(await refusal(guard, token), null);
  server.jwks = { keys: [other.jwk, third.jwk] };
  assert.equal(await refusal(guard, thirds), null);
  assert.equal(fetches(), 2);
  assert.equal(await refusal(guard, ones), 'token_invalid');
  assert.equal(await refusal(guard, others), null);
  assert.equal(metric(guard, 'cache_total{outcome="hit"}'), 1);
});

test('a key that becomes another under the same name takes what it signed with it', async (t) => {
  const { server, guard } = await scripted(t);
  await guard.ready;
  const token = await tokenBy(one);
  assert.equal(await refusal(guard, token), null);
  server.jwks = { keys: [{ ...other.jwk, kid: 'one' }, third.jwk] };
  assert.equal(await refusal(guard, await tokenBy(third)), null);
  assert.equal(await refusal(guard, token), 'token_invalid');
});

test('tokens of invented keys do not become requests', async (t) => {
  const { guard, fetches } = await scripted(t);
  await guard.ready;
  const invented = await Promise.all(Array.from({ length: 50 }, (_, at) => tokenBy({ ...other, kid: `k${at}` })));
  const said = await Promise.all(invented.map((token) => refusal(guard, token)));
  assert.deepEqual([...new Set(said)], ['token_invalid']);
  assert.equal(fetches(), 2);
});

test('an unknown key that can not be fetched may be a good one', async (t) => {
  const { server, guard } = await scripted(t);
  await guard.ready;
  server.answers[KEYS] = (_seen, response) => json(response, 503, {});
  assert.equal(await refusal(guard, await tokenBy(other)), 'cannot_decide');
  // What was fetched before stays.
  assert.equal(await refusal(guard, await tokenBy(one)), null);
  assert.equal(metric(guard, 'key_fetches_total{outcome="failed"}'), 1);
  assert.ok(guard.errors.some(({ code }) => code === 'keys'));
});

const WRONG = {
  'no JSON': (response) => response.end('<html>'),
  'no key set': (response) => json(response, 200, { key: [] }),
  'too many keys': (response) => json(response, 200, { keys: Array.from({ length: 101 }, () => one.jwk) }),
  'too long': (response) => json(response, 200, { keys: [one.jwk], more: 'x'.repeat(256 * 1024) }),
  'an error': (response) => json(response, 500, { keys: [one.jwk] }),
};
for (const [name, answer] of Object.entries(WRONG)) {
  test(`keys: ${name}`, async (t) => {
    const { server, guard } = await scripted(t, { answers: { [KEYS]: (_seen, response) => answer(response) } });
    await heard(guard, 'error', ({ code }) => code === 'keys');
    assert.equal(await refusal(guard, await tokenBy(one)), 'cannot_decide');
    // It asks again by itself.
    delete server.answers[KEYS];
    await guard.ready;
    assert.equal(await refusal(guard, await tokenBy(one)), null);
  });
}

test('keys that never come are not waited for longer than stated', async (t) => {
  const { guard } = await scripted(t, { answers: { [KEYS]: () => {} } });
  const since = performance.now();
  await heard(guard, 'error', ({ code }) => code === 'keys');
  const waited = performance.now() - since;
  assert.ok(waited > 4_000 && waited < 6_000, String(waited));
});

test('a private key in a key set is used as a public one', async (t) => {
  const { exportJWK, generateKeyPair } = await import('jose');
  const pair = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(pair.privateKey)), kid: 'leaked', use: 'sig' };
  const { guard } = await scripted(t, { jwks: { keys: [jwk] } });
  await guard.ready;
  assert.equal(await refusal(guard, await tokenBy({ kid: 'leaked', privateKey: pair.privateKey })), null);
});

test('keys are fetched anew now and then', async (t) => {
  const timers = [];
  const after = (callback, ms) => {
    if (ms !== 300_000) return systemClock.after(callback, ms);
    timers.push(callback);
    return { cancel: () => {} };
  };
  const { guard, fetches } = await scripted(t, {}, { internals: { clock: { ...systemClock, after } } });
  await guard.ready;
  while (timers.length === 0) await setImmediate();
  timers.pop()();
  while (fetches() < 2) await setImmediate();
});

test('the memory of tokens is bounded, and can be none', async (t) => {
  for (const [cacheSize, hits] of [[2, 1], [0, 0]]) {
    const { guard } = await scripted(t, {}, { cacheSize });
    await guard.ready;
    const tokens = await Promise.all([1, 2, 3].map(() => tokenBy(one)));
    for (const token of tokens) assert.equal(await refusal(guard, token), null);
    // The first is forgotten, the last is not.
    assert.equal(await refusal(guard, tokens[2]), null);
    assert.equal(await refusal(guard, tokens[0]), null);
    assert.equal(metric(guard, 'cache_total{outcome="hit"}'), hits);
  }
});

test('leeway: a token is taken so much longer', async (t) => {
  const now = Math.floor(Date.now() / 1000);
  const token = await tokenBy(one, { exp: now - 5 });
  for (const [leewayS, expected] of [[0, 'token_expired'], [30, null]]) {
    const { guard } = await scripted(t, {}, { leewayS });
    await guard.ready;
    assert.equal(await refusal(guard, token), expected);
  }
});
