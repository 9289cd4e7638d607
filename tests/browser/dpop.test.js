/** Tokens that are bound to a key: the client's `dpop`, with a real browser's keys and database. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { beforeEach, test } from 'node:test';
import { Company, Demo, until } from './support.js';

const company = new Company();
/** @type {import('./support.js').Demo} */
let demo;

beforeEach(async () => {
  demo = await company.demo();
});

const REFUSED = { expectedComplaints: /status of 401/ };

/** A page of the origin with nothing of ours running in it. */
async function emptyPage(page) {
  await page.goto(`${demo.url}/docs`);
  return page;
}

const begin = (page, options = {}) =>
  page.evaluate(async (more) => {
    const { createSession } = await import('/client/index.js');
    const session = createSession({ dpop: true, storage: 'local', ...more });
    globalThis.session = session;
    globalThis.ended = new Promise((resolve) => session.on('ended', ({ reason }) => resolve(reason)));
    await session.ready;
  }, options);

const signIn = (page, person) => page.evaluate((who) => globalThis.session.signIn(who).then(({ outcome }) => outcome), person);
const is = (page, state) => until(() => page.evaluate((wanted) => globalThis.session.state === wanted, state));
const status = (page) => page.evaluate(() => globalThis.session.fetch('/v1/me').then((answer) => answer.status));
const stored = (page) => page.evaluate(() => Object.entries(localStorage));

/** What a script of the page finds where the keys are. */
const keys = (page) =>
  page.evaluate(async () => {
    const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await done(indexedDB.open('sessionwire'));
    const pairs = await done(database.transaction('keys').objectStore('keys').getAll());
    database.close();
    const read = ({ privateKey }) => crypto.subtle.exportKey('jwk', privateKey).then(() => 'read', (error) => error.name);
    return Promise.all(pairs.map(read));
  });

test('a token that was carried out of the page opens nothing elsewhere, and a reload keeps the session', async () => {
  const { page } = await company.device();
  await begin(await emptyPage(page));
  assert.equal(await signIn(page, demo.person('anna')), 'signed_in');
  await is(page, 'live');
  assert.equal(await status(page), 200);
  const id = await page.evaluate(() => globalThis.session.id);
  await page.reload();
  await begin(page);
  await is(page, 'live');
  assert.equal(await page.evaluate(() => globalThis.session.id), id);
  assert.deepEqual(await keys(page), ['InvalidAccessError']);

  const loot = await stored(page);
  const [, record] = loot.find(([name]) => name.endsWith(':session')) ?? [];
  const { accessToken, refreshToken } = JSON.parse(record).session.grant;
  const thief = await company.device(REFUSED);
  await emptyPage(thief.page);
  const told = await thief.page.evaluate(
    async ([access, refresh]) => {
      const json = { 'content-type': 'application/json' };
      const answers = [
        await fetch('/v1/me', { headers: { authorization: `Bearer ${access}` } }),
        await fetch('/v1/me', { headers: { authorization: `DPoP ${access}` } }),
        await fetch('/v1/token/refresh', { method: 'POST', headers: json, body: JSON.stringify({ refresh_token: refresh }) }),
      ];
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/v1/socket?auth=message`, 'sessionwire.v1');
      socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', token: access }));
      const closed = await new Promise((resolve) => (socket.onclose = ({ code, reason }) => resolve(`${code} ${reason}`)));
      return [...(await Promise.all(answers.map((answer) => answer.json()))).map(({ code }) => code), closed];
    },
    [accessToken, refreshToken],
  );
  assert.deepEqual(told, ['invalid_dpop_proof', 'invalid_dpop_proof', 'invalid_dpop_proof', '4500 invalid_dpop_proof']);
  // Everything that the page had stored, in our own client: out at once.
  await thief.page.evaluate((entries) => entries.forEach(([name, text]) => localStorage.setItem(name, text)), loot);
  await begin(thief.page);
  assert.equal(await thief.page.evaluate(() => globalThis.ended), 'key_lost');

  await page.evaluate(() => globalThis.session.refresh());
  assert.equal(await status(page), 200);
});

test('tabs that make the key at the same moment have the same', async () => {
  const { context, page } = await company.device();
  const pages = [page, await context.newPage(), await context.newPage()];
  for (const [index, one] of pages.entries()) await begin(await emptyPage(one), { namespace: `tab${index}` });
  await Promise.all(pages.map((one) => signIn(one, demo.person('anna'))));
  for (const one of pages) await is(one, 'live');
  assert.equal((await keys(page)).length, 1);
  for (const one of pages) await one.evaluate(() => globalThis.session.refresh());
});

test('a key that the browser has cleared away: signed out, and a new sign-in works', async () => {
  const { page } = await company.device(REFUSED);
  await begin(await emptyPage(page));
  await signIn(page, demo.person('anna'));
  await is(page, 'live');
  await page.evaluate(() => new Promise((resolve) => (indexedDB.deleteDatabase('sessionwire').onsuccess = resolve)));
  await page.reload();
  await begin(page);
  await is(page, 'ended');
  assert.equal(await page.evaluate(() => globalThis.session.ended.reason), 'key_lost');
  await signIn(page, demo.person('anna'));
  await is(page, 'live');
  assert.equal(await status(page), 200);
});

/** An application on a server of its own: an empty page, and the client's modules. Answers its origin. */
async function serveClient(t) {
  const server = createServer(async ({ url = '/' }, response) => {
    const module = /^\/([a-z-]+\.js)$/.exec(url)?.[1];
    const text = module && (await readFile(new URL(`../../clients/js/src/${module}`, import.meta.url)));
    response.writeHead(200, { 'content-type': module ? 'text/javascript' : 'text/html' });
    response.end(text || '<!doctype html><title>app</title><link rel="icon" href="data:,">');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://localhost:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
}

test('a page of another origin whose clock is wrong is set right by the server', async (t) => {
  const origin = await serveClient(t);
  const elsewhere = await Demo.start({ ALLOWED_ORIGINS: origin });
  t.after(() => elsewhere.stop());
  const { page } = await company.device(REFUSED);
  await page.clock.install({ time: Date.now() + 600_000 });
  await page.goto(`${origin}/`);
  const outcome = await page.evaluate(
    async ([url, who]) => {
      const { createSession } = await import(`${location.origin}/index.js`);
      globalThis.session = createSession({ url, dpop: true });
      return (await globalThis.session.signIn(who)).outcome;
    },
    [elsewhere.url, elsewhere.person('anna')],
  );
  assert.equal(outcome, 'signed_in');
  await is(page, 'live');
  await page.evaluate(() => globalThis.session.refresh());
  assert.equal(await status(page), 200);
});
