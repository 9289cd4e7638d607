/** A session in cookies: the client's storage `cookie`, in a real browser. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { beforeEach, test } from 'node:test';
import { startProxy } from '../../clients/js/test/support/proxy.js';
import { Company, until } from './support.js';

const company = new Company();
/** @type {import('./support.js').Demo} */
let demo;
/** Browsers keep secure cookies of localhost, which has no certificate. */
let origin = '';

beforeEach(async () => {
  demo = await company.demo();
  origin = demo.url.replace('127.0.0.1', 'localhost');
});

/** A page with the client, as an application would hold it. */
async function application(expectedComplaints = /status of (400|415)|CORS|ERR_FAILED/) {
  const one = await company.device({ expectedComplaints });
  await one.page.goto(`${origin}/docs`);
  await begin(one.page);
  return one;
}

const begin = (page) =>
  page.evaluate(async () => {
    const { createSession } = await import('/client/index.js');
    const session = createSession({ storage: 'cookie' });
    globalThis.heard = [];
    session.on('permissionschange', ({ lost }) => globalThis.heard.push({ lost }));
    session.on('ended', ({ reason }) => globalThis.heard.push({ ended: reason }));
    session.on('error', ({ code }) => globalThis.heard.push({ error: code }));
    globalThis.session = session;
    await session.ready;
  });

const signIn = (page, person) => page.evaluate((who) => globalThis.session.signIn(who).then(({ outcome }) => outcome), person);
const is = (page, state) => until(() => page.evaluate((wanted) => globalThis.session.state === wanted, state));
const heard = (page) => page.evaluate(() => globalThis.heard);
const status = (page) => page.evaluate(() => globalThis.session.fetch('/v1/me').then((answer) => answer.status));

test('tokens are never visible to script, and the session works as any other', async () => {
  const { context, page } = await application();
  const throughAnother = page.evaluate(() => globalThis.session.signIn({ ask: async () => new Response('{}') }).catch(({ code }) => code));
  assert.equal(await throughAnother, 'not_with_cookies');
  assert.equal(await signIn(page, demo.person('anna')), 'signed_in');
  await is(page, 'live');
  const all = await context.cookies();
  // One is for the page to repeat, and is good for nothing else.
  const cookies = all.filter(({ name }) => !name.endsWith('-csrf'));
  assert.deepEqual([cookies.length, all.length], [2, 3]);
  for (const cookie of cookies) {
    assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Strict', JSON.stringify(cookie));
    const seen = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie);
    assert.ok(!seen.includes(cookie.value), 'a token is where a script can read it');
  }
  assert.equal(await status(page), 200);
  await demo.leave('anna', 'analysts');
  await until(async () => (await heard(page)).length === 1);
  assert.equal(await page.evaluate(() => globalThis.session.can('reports:read')), false);
  // The old token is stale, and the client has got itself a new one.
  assert.equal(await status(page), 200);
});

test('a session outlives a reload, and ends in all tabs with its cookies', async () => {
  const { context, page } = await application();
  await signIn(page, demo.person('anna'));
  await is(page, 'live');
  await page.reload();
  await begin(page);
  await is(page, 'live');
  const second = await context.newPage();
  await second.goto(`${origin}/docs`);
  await begin(second);
  await is(second, 'live');
  await page.evaluate(() => globalThis.session.signOut());
  await is(second, 'ended');
  assert.deepEqual(await context.cookies(), []);
  assert.deepEqual((await demo.call('GET', '/v1/sessions?state=live')).items, []);
});

test('a forced sign-out is heard, and a new sign-in works after it', async () => {
  const { page } = await application();
  await signIn(page, demo.person('anna'));
  await is(page, 'live');
  await demo.call('DELETE', `/v1/users/${demo.person('anna').id}/sessions`);
  await is(page, 'ended');
  assert.deepEqual(await heard(page), [{ ended: 'revoked_by_admin' }]);
  assert.equal(await signIn(page, demo.person('anna')), 'signed_in');
  await is(page, 'live');
});

test('a late answer does not undo a sign-out', async () => {
  const { context, page } = await application();
  /** @type {() => void} */
  let letGo = () => {};
  const held = new Promise((resolve) => {
    letGo = () => resolve(undefined);
  });
  let arrived = false;
  await page.route('**/v1/sign-in?tokens=cookie', async (route) => {
    const answer = await route.fetch();
    arrived = true;
    await held;
    await route.fulfill({ response: answer });
  });
  const late = page.evaluate((who) => globalThis.session.signIn(who).catch(({ code }) => code), demo.person('anna'));
  await until(async () => arrived);
  await page.evaluate(() => globalThis.session.signOut());
  letGo();
  assert.equal(await late, 'sign_in_discarded');
  await until(async () => (await demo.call('GET', '/v1/sessions?state=live')).items.length === 0);
  await until(async () => (await context.cookies()).length === 0);
  await is(page, 'ended');
});

test('bound tokens: the page works as with any, and who carries them away has nothing', async () => {
  const { context, page } = await application(/status of (400|401|415)|CORS|ERR_FAILED/);
  await page.evaluate(async () => {
    const { createSession } = await import('/client/index.js');
    globalThis.session = createSession({ bound: true, namespace: 'bound' });
    await globalThis.session.ready;
  });
  assert.equal(await signIn(page, demo.person('anna')), 'signed_in');
  await is(page, 'live');
  assert.equal(await status(page), 200);
  const [cookie, ...others] = await context.cookies();
  assert.deepEqual(others, []);
  assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Strict', JSON.stringify(cookie));
  // The token of a page that signs in by itself, as a script would find it, and from another site.
  const person = demo.person('ben');
  const token = await page.evaluate(async (who) => {
    const device = { id: crypto.randomUUID(), name: 'page', platform: 'web' };
    const body = JSON.stringify({ username: who.username, password: who.password, device });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch('/v1/sign-in?tokens=bound', { method: 'POST', headers, body });
    return (await answer.json()).access_token;
  }, person);
  const me = (where, address) =>
    where.evaluate(([url, bearer]) => fetch(url, { headers: { authorization: `Bearer ${bearer}` }, credentials: 'include' }).then((answer) => answer.status, () => 'refused'), [address, token]);
  assert.equal(await me(page, `${origin}/v1/me`), 200);
  const thief = await company.device({ expectedComplaints: /status of (400|401|415)|CORS|ERR_FAILED/ });
  await thief.page.goto(`${origin}/docs`);
  assert.equal(await me(thief.page, `${origin}/v1/me`), 401);
  const code = await thief.page.evaluate(async (bearer) => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/v1/socket?auth=message`, 'sessionwire.v1');
    socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', token: bearer }));
    return new Promise((resolve) => (socket.onclose = (event) => resolve(event.code)));
  }, token);
  assert.equal(code, 4500);
  const elsewhere = await context.newPage();
  await elsewhere.goto(`${demo.url}/docs`);
  // The same browser, a page of another site: the cookie stays at home.
  assert.equal(await me(elsewhere, `${demo.url}/v1/me`), 401);
});

test('a page of another origin can do nothing with the cookies', async () => {
  const { context, page } = await application();
  await signIn(page, demo.person('anna'));
  await is(page, 'live');
  const elsewhere = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<link rel="icon" href="data:,">'));
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (elsewhere.address());
  const attacker = await context.newPage();
  // Another port of the same host is the same site: its requests carry the cookies.
  await attacker.goto(`http://localhost:${port}/`);
  const outcomes = await attacker.evaluate(async (victim) => {
    const post = (path) => fetch(victim + path, { method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'content-type': 'text/plain' }, body: '{}' });
    await post('/v1/sign-out');
    await post('/v1/sign-out-everywhere');
    await post('/v1/token/refresh');
    const read = await fetch(`${victim}/v1/me`, { credentials: 'include' }).then(
      () => 'read',
      () => 'refused',
    );
    const socket = new WebSocket(`${victim.replace('http', 'ws')}/v1/socket`, 'sessionwire.v1');
    const code = await new Promise((resolve) => (socket.onclose = (event) => resolve(event.code)));
    return { read, code };
  }, origin);
  elsewhere.close();
  assert.deepEqual(outcomes, { read: 'refused', code: 4506 });
  assert.equal(await status(page), 200);
});

test('a network that lets no WebSocket through: the stream takes the cookie, and the newer one', async (t) => {
  const proxy = await startProxy(t, demo.url);
  origin = proxy.url.replace('127.0.0.1', 'localhost');
  const { page } = await application(/WebSocket connection|status of (400|415)|CORS|ERR_FAILED/);
  await signIn(page, demo.person('anna'));
  await is(page, 'live');
  assert.equal(await page.evaluate(() => globalThis.session.transport), 'sse');
  const before = proxy.streams;
  await page.evaluate(() => globalThis.session.refresh());
  await until(async () => proxy.streams > before);
  await demo.leave('anna', 'analysts');
  await until(async () => (await heard(page)).length === 1);
  await demo.call('DELETE', `/v1/users/${demo.person('anna').id}/sessions`);
  await is(page, 'ended');
});
