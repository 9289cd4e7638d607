/** Signing in through a back end of the application's own, which signs its users in by the REST API. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import test from 'node:test';

import { heard, open, sharedStorage, until } from './support/client.js';
import { startDemo } from './support/server.js';

/** A back end whose users are known by ids of its own; it checks nothing but the name. */
async function startBackEnd(t, demo) {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += piece;
    const { name, ...body } = JSON.parse(text);
    const answer = await fetch(`${demo.url}/v1/users/ext:${name}/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${demo.api_key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(await answer.text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const as = (name) => ({
    ask: (body, signal) => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify({ name, ...body }), signal }),
  });
  return { as };
}

async function withBackEnd(t) {
  const demo = await startDemo(t);
  const user = await demo.api('POST', '/v1/users', { username: 'zoe', external_id: '4711', groups: ['analysts'] });
  return { demo, user, ...(await startBackEnd(t, demo)) };
}

test('whom the own back end signs in is signed in like anybody', async (t) => {
  const { demo, user, as } = await withBackEnd(t);
  const storage = sharedStorage();
  const session = open(t, demo.url, { storage });
  const result = await session.signIn({ ...as('4711'), rememberMe: true });
  assert.equal(result.outcome, 'signed_in');
  assert.deepEqual(session.user, { id: user.id, username: 'zoe', displayName: 'zoe', externalId: '4711' });
  await until(session, () => session.state === 'live');
  assert.ok(session.can('reports:read'));
  await session.refresh();
  const [known] = (await demo.api('GET', `/v1/sessions?user_id=${user.id}`)).items;
  assert.equal(known.device.id, session.device.id);
  const ended = heard(session, 'ended');
  await demo.api('DELETE', `/v1/sessions/${session.id}`);
  assert.equal((await ended).reason, 'revoked_by_admin');
});

test('at the limit its answer is what the server said', async (t) => {
  const { demo, user, as } = await withBackEnd(t);
  await demo.api('PUT', `/v1/policies/users/${user.id}`, { max_sessions: 1, at_limit: 'ask' });
  const first = open(t, demo.url);
  await first.signIn(as('4711'));
  const second = open(t, demo.url);
  const refused = await second.signIn(as('4711'));
  assert.equal(refused.outcome, 'refused');
  const ended = heard(first, 'ended');
  assert.equal((await refused.takeOver()).outcome, 'signed_in');
  assert.equal((await ended).reason, 'superseded');
});

test('what the back end does not know, and an answer that is none, are errors', async (t) => {
  const { demo, as } = await withBackEnd(t);
  const session = open(t, demo.url);
  await assert.rejects(session.signIn(as('nobody')), { code: 'not_found', status: 404 });
  for (const answer of ['<html>', '{}', '[]']) {
    await assert.rejects(session.signIn({ ask: async () => new Response(answer) }), { code: 'bad_answer' });
  }
  await assert.rejects(session.signIn({ ask: () => Promise.reject(new TypeError('down')) }), { code: 'network_error' });
  assert.equal(session.state, 'ended');
});

test('a sign-out overtakes the back end', async (t) => {
  const { demo, as } = await withBackEnd(t);
  const session = open(t, demo.url);
  let letGo = () => {};
  const held = new Promise((resolve) => (letGo = resolve));
  const signingIn = session.signIn({ ask: async (body, signal) => (await held, as('4711').ask(body, signal)) });
  await Promise.resolve();
  await session.signOut();
  letGo();
  await assert.rejects(signingIn, { code: 'sign_in_discarded' });
  assert.equal(session.state, 'ended');
});
