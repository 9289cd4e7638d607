/** The guard in front of real applications of Express 4 and 5, Fastify and Koa, asked over HTTP. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import test from 'node:test';

import express5 from 'express';
import express4 from 'express4';
import fastify from 'fastify';
import Koa from 'koa';

import { guardOf, heard } from './support/guard.js';
import { startProxy } from './support/proxy.js';
import { signIn, startDemo } from './support/server.js';

/** Each makes the same three pages: any token, a permission, nobody's. */
const FRAMEWORKS = {
  'Express 5': (guard, options) => expressApp(express5, guard, options),
  'Express 4': (guard, options) => expressApp(express4, guard, options),
  async Fastify(guard, options) {
    const app = fastify();
    await app.register(guard.fastify(options));
    const page = (request) => ({ user: request.auth?.sub ?? null });
    app.get('/me', page);
    app.get('/billing', { config: { guard: { requires: 'billing:read' } } }, page);
    app.get('/still', { config: { guard: { behind: 'accept' } } }, page);
    app.get('/open', { config: { guard: false } }, page);
    await app.ready();
    return app.server;
  },
  Koa(guard, options) {
    const app = new Koa();
    const pages = {
      '/me': guard.koa(options),
      '/billing': guard.koa({ ...options, requires: 'billing:read' }),
      '/still': guard.koa({ ...options, behind: 'accept' }),
      '/open': (_ctx, next) => next(),
    };
    app.use((ctx, next) => pages[ctx.path](ctx, next));
    app.use((ctx) => (ctx.body = { user: ctx.state.auth?.sub ?? null }));
    return createServer(app.callback());
  },
};

function expressApp(express, guard, options) {
  const app = express();
  const page = (req, res) => res.json({ user: req.auth?.sub ?? null });
  app.get('/me', guard.express(options), page);
  app.get('/billing', guard.express({ ...options, requires: 'billing:read' }), page);
  app.get('/still', guard.express({ ...options, behind: 'accept' }), page);
  app.get('/open', page);
  return createServer(app);
}

async function served(t, make, options) {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, demo.url);
  const guard = guardOf(t, { url: proxy.url, apiKey: demo.guardKey, issuer: demo.url, maxFeedLagMs: 1000 });
  const server = await make(guard, options);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => (server.close(), server.closeAllConnections()));
  await guard.ready;
  const [anna] = demo.users;
  return { demo, proxy, guard, anna, session: await signIn(demo.url, anna), url: `http://127.0.0.1:${server.address().port}` };
}

/** An answer in one line, with its body. */
async function ask(url, headers) {
  const response = await fetch(url, { headers });
  const body = await response.json();
  return { status: response.status, type: response.headers.get('content-type'), headers: response.headers, body };
}

const bearer = (token) => ({ authorization: `Bearer ${token}` });

for (const [name, make] of Object.entries(FRAMEWORKS)) {
  test(`${name}: who comes through, and what the others are told`, async (t) => {
    const { demo, proxy, guard, anna, session, url } = await served(t, make);

    for (let turn = 0; turn < 2; turn += 1) {
      const good = await ask(`${url}/me`, bearer(session.token));
      assert.deepEqual([good.status, good.body], [200, { user: anna.id }]);
    }
    assert.deepEqual((await ask(`${url}/me`, { authorization: `bearer   ${session.token} ` })).status, 200);
    assert.deepEqual((await ask(`${url}/open`)).body, { user: null });

    const missing = await ask(`${url}/me`);
    assert.deepEqual(missing.body, {
      type: 'urn:sessionwire:error:token_missing',
      title: 'Token missing',
      status: 401,
      detail: 'send a token in the `Authorization: Bearer` header',
      code: 'token_missing',
    });
    assert.match(missing.type, /^application\/problem\+json/);
    assert.equal(missing.headers.get('www-authenticate'), 'Bearer realm="sessionwire"');
    // An address is logged: a token in it is none.
    assert.equal((await ask(`${url}/me?access_token=${session.token}&token=${session.token}`)).body.code, 'token_missing');
    assert.equal((await ask(`${url}/me`, { authorization: 'Basic eDp5' })).body.code, 'token_missing');
    assert.equal((await ask(`${url}/me`, bearer('x'))).body.code, 'token_invalid');
    assert.equal(await withTwoHeaders(`${url}/me`, session.token), 'token_invalid');

    const forbidden = await ask(`${url}/billing`, bearer(session.token));
    assert.deepEqual([forbidden.status, forbidden.body.code, forbidden.headers.get('www-authenticate')], [403, 'forbidden', null]);

    proxy.cut();
    await heard(guard, 'lag');
    const unsure = await ask(`${url}/me`, bearer(session.token));
    assert.deepEqual([unsure.status, unsure.body.code, unsure.headers.get('retry-after')], [503, 'cannot_decide', '1']);
    assert.equal((await ask(`${url}/still`, bearer(session.token))).status, 200);
    proxy.mend();
    await heard(guard, 'insync');

    // A guard that has just come back is not yet one that receipts wait for.
    const changed = heard(guard, 'change');
    await demo.api('DELETE', `/v1/sessions/${session.id}`);
    await changed;
    const ended = await ask(`${url}/me`, bearer(session.token));
    assert.deepEqual([ended.status, ended.body.code, ended.body.reason], [401, 'session_ended', 'revoked_by_admin']);
    assert.match(ended.headers.get('www-authenticate'), /error="invalid_token", error_description="the session has ended"/);
  });

  test(`${name}: a token from elsewhere`, async (t) => {
    const token = (it) => (it.req ?? it.raw ?? it).headers['x-token'];
    const { session, url } = await served(t, make, { token });
    assert.equal((await ask(`${url}/me`, { 'x-token': session.token })).status, 200);
    assert.equal((await ask(`${url}/me`, bearer(session.token))).body.code, 'token_missing');
  });

  test(`${name}: what was misspelt does not open a page`, async (t) => {
    const demo = await startDemo(t);
    const guard = guardOf(t, { url: demo.url, apiKey: demo.guardKey, issuer: demo.url });
    const options = { require: 'billing:read' };
    await assert.rejects(async () => make(guard, options), TypeError);
  });
}

test('Fastify: a misspelt need of a route shows when the route is made', async (t) => {
  const demo = await startDemo(t);
  const guard = guardOf(t, { url: demo.url, apiKey: demo.guardKey, issuer: demo.url });
  const app = fastify();
  await app.register(guard.fastify());
  assert.throws(() => app.get('/x', { config: { guard: { require: 'x' } } }, () => ({})), TypeError);
});

test('what a page throws is the page\'s, whether or not the guard had to wait', async (t) => {
  const { session, url } = await served(t, (guard) => {
    const app = express5();
    app.get('/', guard.express(), () => {
      throw new Error('the page is broken');
    });
    app.use((error, _req, res, _next) => res.status(500).json({ error: error.message }));
    return createServer(app);
  });
  for (let turn = 0; turn < 2; turn += 1) {
    assert.deepEqual((await ask(url, bearer(session.token))).body, { error: 'the page is broken' });
  }
});

/** Node's fetch would make one header of two. */
async function withTwoHeaders(url, token) {
  const asking = request(url, { headers: ['host', 'app', 'authorization', `Bearer ${token}`, 'Authorization', 'Bearer x'] });
  asking.end();
  const [response] = await once(asking, 'response');
  let body = '';
  for await (const part of response) body += part;
  return JSON.parse(body).code;
}
