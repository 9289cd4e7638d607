/** session.fetch, against a scripted server. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { open } from './support/client.js';
import { person, startScript } from './support/script.js';

class NoSocket {
  close() {}
}

async function signedIn(t, answers = {}, options = {}) {
  const script = await startScript(t, { answers });
  const session = open(t, script.url, { WebSocket: NoSocket, ...options });
  await session.signIn(person);
  script.requests.length = 0;
  const paths = () => script.requests.map(({ path }) => path);
  return { script, session, paths };
}

const stale = () => [401, { code: 'token_stale', detail: 'stale' }];
/** Refuses the first token only. */
const staleOnce = ({ headers }) => (headers.authorization.endsWith('.0') ? stale() : [200, { ok: true }]);

for (const code of ['token_stale', 'token_expired']) {
  test(`${code}: refreshes once and repeats`, async (t) => {
    const once = ({ headers }) => (headers.authorization.endsWith('.0') ? [401, { code }] : [200, { ok: true }]);
    const { session, paths } = await signedIn(t, { '/x': once });
    assert.deepEqual(await (await session.fetch('/x')).json(), { ok: true });
    assert.deepEqual(paths(), ['/x', '/v1/token/refresh', '/x']);
  });
}

test('never loops: the second refusal is the answer', async (t) => {
  const { session, paths } = await signedIn(t, { '/x': stale });
  const answer = await session.fetch('/x');
  assert.equal(answer.status, 401);
  assert.equal((await answer.json()).code, 'token_stale');
  assert.deepEqual(paths(), ['/x', '/v1/token/refresh', '/x']);
});

test('other refusals are not cured', async (t) => {
  for (const [status, code] of [[401, 'token_invalid'], [401, undefined], [403, 'token_stale'], [500, 'internal']]) {
    const { session, paths } = await signedIn(t, { '/x': () => [status, { code }] });
    assert.equal((await session.fetch('/x')).status, status);
    assert.deepEqual(paths(), ['/x']);
  }
});

test('many requests at once share one refresh', async (t) => {
  const { session, paths } = await signedIn(t, { '/x': staleOnce });
  const answers = await Promise.all(Array.from({ length: 10 }, () => session.fetch('/x')));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(paths().filter((path) => path === '/v1/token/refresh').length, 1);
});

test('the refresh fails for now: the refusal is the answer, and the session stays', async (t) => {
  const { session, paths } = await signedIn(t, { '/x': stale, '/v1/token/refresh': () => [503, { code: 'cannot_decide' }] });
  assert.equal((await session.fetch('/x')).status, 401);
  assert.deepEqual(paths(), ['/x', '/v1/token/refresh']);
  assert.equal(session.user.username, 'ann');
});

test('session_ended ends here, with the reason', async (t) => {
  const { session, paths } = await signedIn(t, { '/x': () => [401, { code: 'session_ended', reason: 'device_revoked' }] });
  const answer = await session.fetch('/x');
  assert.equal((await answer.json()).reason, 'device_revoked', 'the body can still be read');
  assert.equal(session.state, 'ended');
  assert.equal(session.ended.reason, 'device_revoked');
  assert.deepEqual(paths(), ['/x']);
});

test('bodies that can be repeated are, others are not', async (t) => {
  const { script, session, paths } = await signedIn(t, { '/x': staleOnce });
  const form = new FormData();
  form.set('a', '1');
  const bodies = ['text', new URLSearchParams({ a: '1' }), new TextEncoder().encode('bytes'), new TextEncoder().encode('buffer').buffer, new Blob(['blob']), form];
  for (const body of bodies) {
    script.rotation = 0;
    const { session: fresh } = await again(t, script);
    script.requests.length = 0;
    assert.equal((await fresh.fetch('/x', { method: 'POST', body })).status, 200);
    const [first, , second] = script.requests;
    assert.ok(first.body.length > 0);
    if (!(body instanceof FormData)) assert.equal(second.body, first.body);
  }
  script.rotation = 0;
  script.requests.length = 0;
  const { session: fresh } = await again(t, script);
  script.requests.length = 0;
  const stream = new Blob(['stream']).stream();
  assert.equal((await fresh.fetch('/x', { method: 'POST', body: stream, duplex: 'half' })).status, 401);
  assert.deepEqual(paths(), ['/x', '/v1/token/refresh'], 'the token is fresh for the next one');
  assert.equal((await fresh.fetch('/x', { method: 'POST', body: 'text' })).status, 200);
  assert.ok(session);
});

async function again(t, script) {
  const session = open(t, script.url, { WebSocket: NoSocket });
  await session.signIn(person);
  return { session };
}

test('a Request is taken, with its method, headers and body, and repeated', async (t) => {
  const { script, session } = await signedIn(t, { '/x': staleOnce });
  const request = new Request(`${script.url}/x`, { method: 'PUT', body: 'text', headers: { 'x-own': '1' } });
  assert.equal((await session.fetch(request)).status, 200);
  const [first, , second] = script.requests;
  for (const seen of [first, second]) assert.deepEqual([seen.method, seen.body, seen.headers['x-own']], ['PUT', 'text', '1']);
});

test('the token goes to the server and to trusted origins only', async (t) => {
  const foreign = await startScript(t, { answers: { '/x': stale } });
  const trusted = await startScript(t, { answers: { '/x': staleOnce } });
  const { script, session } = await signedIn(t, { '/x': () => [200, {}] }, { trustedOrigins: [trusted.url] });
  assert.equal((await session.fetch(`${foreign.url}/x`)).status, 401);
  assert.equal(foreign.requests[0].headers.authorization, undefined);
  assert.equal(foreign.requests.length, 1);
  assert.equal(script.requests.length, 0, 'no refresh for what a stranger says');
  assert.equal((await session.fetch(new Request(`${foreign.url}/x`))).status, 401);
  assert.equal(foreign.requests[1].headers.authorization, undefined);
  assert.equal((await session.fetch(`//${new URL(foreign.url).host}/x`)).status, 401);
  assert.equal(foreign.requests[2].headers.authorization, undefined);
  assert.equal((await session.fetch(`${trusted.url}/x`)).status, 200);
  assert.match(trusted.requests.at(-1).headers.authorization, /^Bearer h\./);
  assert.equal((await session.fetch('x')).status, 200);
  assert.equal(script.requests.at(-1).path, '/x');
});

test("the application's own Authorization is left alone", async (t) => {
  const { script, session, paths } = await signedIn(t, { '/x': stale });
  await session.fetch('/x', { headers: { authorization: 'Bearer own' } });
  assert.equal(script.requests[0].headers.authorization, 'Bearer own');
  assert.deepEqual(paths(), ['/x']);
});

test('nobody signed in: a plain request', async (t) => {
  const script = await startScript(t);
  const session = open(t, script.url, { WebSocket: NoSocket });
  assert.equal((await session.fetch('/x')).status, 404);
  assert.equal(script.requests[0].headers.authorization, undefined);
});

test('a token that ran out here is replaced before the request, and that was the one refresh', async (t) => {
  const { FakeTime } = await import('./support/time.js');
  const time = new FakeTime();
  const { session, paths } = await signedIn(t, { '/x': stale }, { internals: { time }, idleAfterMs: 0 });
  time.sleep(400_000);
  assert.equal((await session.fetch('/x')).status, 401);
  assert.deepEqual(paths(), ['/v1/token/refresh', '/x']);
});

test('aborting is heard while the refresh is under way', async (t) => {
  const { script, session } = await signedIn(t, { '/x': stale, '/v1/token/refresh': () => new Promise(() => {}) });
  const abort = new AbortController();
  const answer = session.fetch('/x', { signal: abort.signal });
  await script.until(() => script.requests.length === 2);
  abort.abort();
  await assert.rejects(answer, { name: 'AbortError' });
});
