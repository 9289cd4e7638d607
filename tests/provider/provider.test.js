/** People sign in with a real provider, and what happens there is heard here. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createGuard } from 'sessionwire-guard';
import WebSocket from 'ws';
import { createSession } from '../../clients/js/src/index.js';
import { Person, eventually, exchange, key, listen, post, world } from './support.js';

for (const alg of /** @type {const} */ (['RS256', 'ES256'])) {
  test(`${alg}: who signed in there comes in here`, async (t) => {
    const { op, server } = await world(t, alg);
    const anna = new Person(op, 'anna');
    const tokens = await anna.signIn();
    const header = JSON.parse(Buffer.from(tokens.access_token.split('.')[0], 'base64url').toString());
    assert.equal(header.alg, alg);
    const { status, body } = await exchange(server, tokens.access_token);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.user.username, 'op:anna');
    const socket = listen(t, server, body.access_token);
    assert.equal((await socket.next('welcome')).session_id, body.session_id);

    const again = await exchange(server, (await anna.signIn()).access_token);
    assert.equal(again.body.user.id, body.user.id);
    const other = await exchange(server, tokens.id_token);
    assert.equal(other.body.code, 'token_invalid', 'an ID token is for the application, not for the API');
  });

  test(`${alg}: who signs out there is out here, and the socket hears it`, async (t) => {
    const { op, server } = await world(t, alg);
    const anna = new Person(op, 'anna');
    const { access_token: token } = await anna.signIn();
    const { body: who } = await exchange(server, token);
    const { body: bert } = await exchange(server, (await new Person(op, 'bert').signIn()).access_token);
    const sockets = [who, bert].map((it) => listen(t, server, it.access_token));
    await Promise.all(sockets.map((socket) => socket.next('welcome')));

    const provider = /** @type {any} */ (op.provider);
    const taken = once(provider, 'backchannel.success');
    provider.once('backchannel.error', (/** @type {unknown} */ _, /** @type {Error} */ error) => {
      provider.emit('error', error);
    });
    await anna.signOut();
    await taken;
    assert.equal((await sockets[0].next('session.revoked')).reason, 'identity_provider_logout');
    assert.equal((await sockets[0].next('close')).code, 4501);
    const refreshed = await post(server, '/v1/token/refresh', { refresh_token: who.refresh_token });
    assert.equal(refreshed.body.reason, 'identity_provider_logout');
    const back = await exchange(server, token);
    assert.equal(back.body.code, 'session_ended', 'its issuer still calls the token valid');
    assert.deepEqual(sockets[1].heard.map(({ type }) => type), ['welcome']);

    const anew = await exchange(server, (await anna.signIn()).access_token);
    assert.equal(anew.status, 200, JSON.stringify(anew.body));
  });
}

test('the provider changes its keys while people are connected', async (t) => {
  const { op, server, logoutUri } = await world(t, 'ES256');
  const anna = new Person(op, 'anna');
  const { access_token: token } = await anna.signIn();
  const { body: who } = await exchange(server, token);
  const socket = listen(t, server, who.access_token);
  await socket.next('welcome');

  op.use([key('ES256', 'k2')], logoutUri);
  const { access_token: newer } = await anna.signIn();
  // Keys are fetched for tokens once in five seconds at most.
  const session = await eventually(async () => {
    const { status, body } = await exchange(server, newer);
    return status === 200 ? body : null;
  });
  assert.equal(session.user.id, who.user.id);
  const old = await exchange(server, token);
  assert.equal(old.body.code, 'token_invalid', 'the provider took the key back');
  const refreshed = await post(server, '/v1/token/refresh', { refresh_token: who.refresh_token });
  assert.equal(refreshed.status, 200, 'a session here is not concerned');
  assert.deepEqual(socket.heard.map(({ type }) => type), ['welcome']);
});

test('the provider is away for a while', async (t) => {
  const { op, server } = await world(t, 'RS256');
  const { access_token: token } = await new Person(op, 'anna').signIn();
  const { access_token: another } = await new Person(op, 'bert').signIn();
  const { body: who } = await exchange(server, token);
  const socket = listen(t, server, who.access_token);
  await socket.next('welcome');

  await op.stop();
  const refreshed = await post(server, '/v1/token/refresh', { refresh_token: who.refresh_token });
  assert.equal(refreshed.status, 200);
  assert.equal((await exchange(server, another)).status, 200, 'its keys are at hand');
  await server.stop();
  await server.start();
  const undecided = await exchange(server, another);
  assert.deepEqual([undecided.status, undecided.body.code], [503, 'cannot_decide']);
  const still = await post(server, '/v1/token/refresh', { refresh_token: refreshed.body.refresh_token });
  assert.equal(still.status, 200);

  await op.listen();
  await eventually(async () => ((await exchange(server, another)).status === 200 ? true : null));
});

test('an application that uses the client', async (t) => {
  const { op, server } = await world(t, 'RS256');
  const anna = new Person(op, 'anna');
  const session = createSession({
    url: server.url,
    device: { platform: 'ios' },
    WebSocket: /** @type {any} */ (WebSocket),
  });
  t.after(() => session.close());
  await session.ready;
  const { access_token: token } = await anna.signIn();
  const answer = await session.signIn({ token });
  assert.equal(answer.outcome, 'signed_in');
  assert.equal(session.user?.username, 'op:anna');
  await eventually(async () => (session.state === 'live' ? true : null));
  const ended = new Promise((resolve) => session.on('ended', resolve));
  await anna.signOut();
  assert.equal((await ended).reason, 'identity_provider_logout');
  const { code } = await session.signIn({ token }).catch((error) => error);
  assert.equal(code, 'session_ended');
});

test('the token as it is opens a socket, and no more once its person signed out there', async (t) => {
  const { op, server } = await world(t, 'ES256', 'attach');
  const anna = new Person(op, 'anna');
  const { access_token: token } = await anna.signIn();
  const socket = listen(t, server, token);
  await socket.next('welcome');
  const me = () => fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(/** @type {any} */ (await (await me()).json()).username, 'op:anna');
  await anna.signOut();
  assert.equal((await socket.next('session.revoked')).reason, 'identity_provider_logout');
  const refused = await me();
  assert.equal(refused.status, 401);
  assert.equal(/** @type {any} */ (await refused.json()).code, 'session_ended');
});

test('a service behind a guard takes the token as it is, and no more once its person signed out there', async (t) => {
  const { op, server } = await world(t, 'RS256', 'attach');
  const { key: apiKey } = await server.api('POST', '/v1/api-keys', { name: 'guard', scopes: ['feed', 'verify'] });
  const guard = createGuard({ url: server.url, apiKey, issuer: server.url, audience: 'sessionwire', issuers: [op.url], maxFeedLagMs: 60_000 });
  t.after(() => guard.close());
  await guard.ready;
  const anna = new Person(op, 'anna');
  const { access_token: token } = await anna.signIn();
  const claims = await eventually(() => guard.check(token).catch(() => null));
  assert.ok(claims);
  for (let turn = 0; turn < 1_000; turn += 1) assert.equal(guard.decide(token), claims);
  assert.match(guard.metrics(), /introspections_total\{outcome="active"\} 1\n/);
  await anna.signOut();
  const refused = () => guard.check(token).then(() => null, ({ code, reason }) => ({ code, reason }));
  assert.deepEqual(await eventually(refused), { code: 'session_ended', reason: 'identity_provider_logout' });
});
