/** Tokens that are bound to a key (`dpop: true`): with the key everything goes as ever, without it nothing does. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { createSession } from '../src/index.js';
import { platformOf } from '../src/platform.js';
import { systemTime } from '../src/time.js';
import { heard, open, sharedStorage, signedIn, until } from './support/client.js';
import { startProxy } from './support/proxy.js';
import { startScript, person } from './support/script.js';
import { startDemo } from './support/server.js';

/** A place for keys that several sessions can share, and that can be cleared. */
function keyStore(pairs = new Map()) {
  return { pairs, get: (name) => pairs.get(name), set: (name, pair) => void (pairs.has(name) || pairs.set(name, pair)) };
}

/** `fetch`, and what went through it. */
function watched() {
  const seen = [];
  const watch = async (input, init) => {
    const response = await fetch(input, init);
    const { body, headers } = init ?? {};
    seen.push({ path: new URL(String(input)).pathname, headers: new Headers(headers), body, status: response.status, said: await response.clone().json().catch(() => ({})) });
    return response;
  };
  return { seen, fetch: watch };
}

const tokensIn = (storage) => JSON.parse(storage.texts.get('sessionwire:default:session')).session.grant;

test('everything goes as ever, and who carries the tokens away has nothing', async (t) => {
  const demo = await startDemo(t);
  const storage = sharedStorage();
  const store = keyStore();
  const session = await signedIn(t, demo.url, demo.users[0], { storage, dpop: true, keyStore: store });
  assert.equal(session.transport, 'websocket');
  assert.equal((await session.fetch('/v1/me/sessions?limit=1')).status, 200);
  const before = tokensIn(storage);
  await session.refresh();
  assert.notEqual(tokensIn(storage).refreshToken, before.refreshToken);
  const made = await session.fetch(new Request(`${demo.url}/v1/socket-tickets`, { method: 'post' }), { headers: { 'content-type': 'application/json' }, body: '{}' });
  assert.equal(made.status, 201);
  const [pair] = store.pairs.values();
  assert.equal(pair.privateKey.extractable, false);

  const { accessToken, refreshToken } = tokensIn(storage);
  const code = async (path, init) => (await (await fetch(demo.url + path, init)).json()).code;
  for (const scheme of ['Bearer', 'DPoP']) {
    assert.equal(await code('/v1/me', { headers: { authorization: `${scheme} ${accessToken}` } }), 'invalid_dpop_proof');
  }
  const body = JSON.stringify({ refresh_token: refreshToken });
  assert.equal(await code('/v1/token/refresh', { method: 'POST', headers: { 'content-type': 'application/json' }, body }), 'invalid_dpop_proof');
  // A thief with a client and a key of his own is out at once, and the person is not.
  const loot = new Map([...storage.texts].map(([name, text]) => [name.replace('default', 'loot'), text]));
  const thief = open(t, demo.url, { storage: sharedStorage(loot), namespace: 'loot', dpop: true });
  assert.equal((await heard(thief, 'ended')).reason, 'key_lost');
  await session.refresh();
  assert.equal(session.state, 'live');

  await session.signOut();
  assert.deepEqual((await demo.api('GET', '/v1/sessions?state=live')).items, []);
  assert.deepEqual(session.errors, []);
});

test('over the stream too', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, demo.url);
  const session = await signedIn(t, proxy.url, demo.users[0], { dpop: true });
  assert.equal(session.transport, 'sse');
  const gone = heard(session, 'permissionschange');
  const [analysts] = demo.groups.filter(({ name }) => name === 'analysts');
  await demo.api('DELETE', `/v1/groups/${analysts.id}/members/${demo.users[0].id}`);
  assert.deepEqual((await gone).groupsRemoved, ['analysts']);
});

test('the key is kept: a session is found again, and a seat that is taken over is bound as well', async (t) => {
  const demo = await startDemo(t);
  const [anna] = demo.users;
  const options = { storage: sharedStorage(), dpop: true, keyStore: keyStore() };
  const before = await signedIn(t, demo.url, anna, options);
  before.close();
  const after = open(t, demo.url, options);
  await until(after, () => after.state === 'live');
  await after.refresh();
  assert.equal(options.keyStore.pairs.size, 1);

  await demo.api('PUT', `/v1/policies/users/${anna.id}`, { max_sessions: 1, at_limit: 'ask' });
  const second = open(t, demo.url, { dpop: true });
  const refused = await second.signIn(anna);
  assert.equal((await refused.takeOver()).outcome, 'signed_in');
  await until(second, () => second.state === 'live');
  await second.refresh();
});

test('a key that is gone ends the session here, once and for all; signing in makes another', async (t) => {
  const demo = await startDemo(t);
  const [anna] = demo.users;
  const storage = sharedStorage();
  const store = keyStore();
  const first = await signedIn(t, demo.url, anna, { storage, dpop: true, keyStore: store });
  first.close();
  store.pairs.clear();
  const { seen, fetch } = watched();
  const later = open(t, demo.url, { storage, dpop: true, keyStore: store, fetch });
  const ended = await heard(later, 'ended');
  assert.equal(ended.reason, 'key_lost');
  assert.match(ended.message, /sign in again/);
  assert.equal(later.state, 'ended');
  await assert.rejects(later.refresh(), { code: 'not_signed_in' });
  assert.deepEqual(seen.map(({ path, status }) => [path, status]), [['/v1/token/refresh', 401]]);

  await later.signIn(anna);
  await until(later, () => later.state === 'live');
  assert.equal((await later.fetch('/v1/me')).status, 200);
});

test('cleared in a tab and made anew in another, the tabs agree on the newer key', async (t) => {
  const demo = await startDemo(t);
  const [anna] = demo.users;
  const options = { storage: sharedStorage(), dpop: true, keyStore: keyStore() };
  const first = await signedIn(t, demo.url, anna, options);
  options.keyStore.pairs.clear();
  const second = open(t, demo.url, options);
  // The first tab holds its key in memory still, until it signs in again.
  await heard(second, 'ended');
  await until(first, () => first.state === 'ended');
  await first.signIn(anna);
  await until(first, () => first.state === 'live');
  await until(second, () => second.state === 'live');
  assert.equal((await second.fetch('/v1/me')).status, 200);
});

for (const minutes of [-10, 10]) {
  test(`a clock that is ${minutes} minutes off is set right by the server's`, async (t) => {
    const demo = await startDemo(t);
    const time = { ...systemTime, now: () => Date.now() + minutes * 60_000 };
    const { seen, fetch } = watched();
    const options = { storage: sharedStorage(), dpop: true, keyStore: keyStore(), fetch, internals: { time } };
    const session = await signedIn(t, demo.url, demo.users[0], options);
    await session.refresh();
    assert.equal((await session.fetch('/v1/me')).status, 200);
    assert.deepEqual(seen.map(({ path, status }) => [path, status]), [
      ['/v1/sign-in', 401],
      ['/v1/sign-in', 200],
      ['/v1/token/refresh', 200],
      ['/v1/me', 200],
    ]);
    // And anew after a reload, where the socket's proof is the first.
    session.close();
    const later = open(t, demo.url, options);
    await until(later, () => later.state === 'live');
    assert.equal(later.id, session.id);
    assert.deepEqual(seen.slice(4).map(({ path, status }) => [path, status]), [
      ['/v1/token/refresh', 401],
      ['/v1/token/refresh', 200],
    ]);
  });
}

test('a refusal that is not the key’s fault ends nothing', async (t) => {
  const demo = await startDemo(t);
  const { fetch } = globalThis;
  let refusing = false;
  // Somebody in between who takes the proofs away.
  const strip = (input, init) => fetch(input, refusing ? { ...init, headers: { ...init.headers, dpop: '' } } : init);
  const session = await signedIn(t, demo.url, demo.users[0], { dpop: true, fetch: strip });
  refusing = true;
  await assert.rejects(session.refresh(), { code: 'invalid_dpop_proof' });
  assert.equal(session.state, 'live');
  refusing = false;
  await session.refresh();
});

test('each proof is for its request, and for the present token', async (t) => {
  const script = await startScript(t, { answers: { '/v1/sign-in': () => [200, bound] } });
  const claims = {};
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const store = keyStore();
  const probe = open(t, script.url, { dpop: true, keyStore: store });
  const bound = { session_id: 's1', access_token: 'x', refresh_token: 'r', expires_in: 300, user: { id: 'u1' }, device: { id: 'd1' } };
  await assert.rejects(probe.signIn(person), { code: 'not_bound' });
  const proofOf = ({ headers }) => headers.dpop.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  const [head, body] = proofOf(script.requests[0]);
  assert.deepEqual([head.typ, head.alg, Object.keys(head.jwk)], ['dpop+jwt', 'ES256', ['kty', 'crv', 'x', 'y']]);
  assert.deepEqual([body.htm, body.htu, body.ath], ['POST', `${script.url}/v1/sign-in`, undefined]);

  const { crv, kty, x, y } = head.jwk;
  const digest = await crypto.subtle.digest('SHA-256', Buffer.from(JSON.stringify({ crv, kty, x, y })));
  claims.cnf = { jkt: Buffer.from(digest).toString('base64url') };
  bound.access_token = `h.${encode(claims)}.s`;
  await probe.signIn(person);
  script.requests.length = 0;
  await probe.fetch('/things/1?secret=2#part', { method: 'put' });
  await probe.fetch('/things/1', { method: 'PATCH' });
  const asked = script.requests.filter(({ path }) => path === '/things/1');
  const proofs = asked.map((request) => proofOf(request)[1]);
  assert.deepEqual(proofs.map(({ htm, htu }) => [htm, htu]), ['PUT', 'PATCH'].map((method) => [method, `${script.url}/things/1`]));
  assert.notEqual(proofs[0].jti, proofs[1].jti);
  const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(bound.access_token))).toString('base64url');
  assert.deepEqual(proofs.map((proof) => proof.ath), [ath, ath]);
  assert.ok(asked.every(({ headers }) => headers.authorization === `DPoP ${bound.access_token}`));
});

test('tokens that are anybody’s are not taken', async (t) => {
  const script = await startScript(t);
  const session = open(t, script.url, { dpop: true });
  await assert.rejects(session.signIn(person), { code: 'not_bound' });
  assert.equal(session.state, 'ended');
  await script.until(() => script.requests.some(({ path }) => path === '/v1/sign-out'));
  await assert.rejects(session.signIn({ ask: () => Promise.reject(new Error('not asked')) }), { code: 'not_with_dpop' });
});

test('a session from before goes on as it was', async (t) => {
  const demo = await startDemo(t);
  const storage = sharedStorage();
  const before = await signedIn(t, demo.url, demo.users[0], { storage });
  before.close();
  const after = open(t, demo.url, { storage, dpop: true });
  await until(after, () => after.state === 'live');
  await after.refresh();
  assert.equal((await after.fetch('/v1/me')).status, 200);
});

test('a place for keys that fails is given up for memory, and that is said', async (t) => {
  const demo = await startDemo(t);
  const broken = { get: () => Promise.reject(new Error('full')), set: () => Promise.reject(new Error('full')) };
  const session = await signedIn(t, demo.url, demo.users[0], { dpop: true, keyStore: broken });
  await session.refresh();
  assert.deepEqual(session.errors.map(({ code }) => code), ['storage_unavailable']);
});

test('what can not be is said at once', () => {
  const url = 'http://127.0.0.1:1';
  const platform = platformOf({ document: { addEventListener() {} }, location: { origin: url } });
  assert.throws(() => createSession({ dpop: true, internals: { platform } }), /WebCrypto/);
  assert.throws(() => createSession({ dpop: true, storage: 'cookie', internals: { platform } }), /cookies/);
});
