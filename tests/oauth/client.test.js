/** npm `openid-client`, without special cases: metadata, introspection, revocation and all grants. */

import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import test from 'node:test';

import * as client from 'openid-client';

import { startDemo } from '../../clients/js/test/support/server.js';

/**
 * A demo, an API key of these scopes as a client's secret, and what its metadata says.
 * @param {import('node:test').TestContext} t
 * @param {string[]} scopes
 * @param {(secret: string) => client.ClientAuth} how
 * @param {Record<string, string>} settings
 */
async function configured(t, scopes, how, settings = {}) {
  const demo = await startDemo(t, settings);
  const { id, key } = await demo.api('POST', '/v1/api-keys', { name: 'client', scopes });
  const discovered = await client.discovery(new URL(demo.url), id, undefined, how(key), {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  });
  return { demo, discovered };
}

/**
 * @param {{ url: string, users: { username: string, password: string }[] }} demo
 * @returns {Promise<any>}
 */
async function signIn({ url, users: [anna] }) {
  const device = { id: randomUUID(), name: 'Test', platform: 'desktop' };
  const response = await fetch(`${url}/v1/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: anna?.username, password: anna?.password, device }),
  });
  assert.equal(response.status, 200);
  return response.json();
}

for (const [name, how] of Object.entries({ basic: client.ClientSecretBasic, post: client.ClientSecretPost })) {
  test(`introspection and revocation, with the secret by ${name}`, async (t) => {
    const { demo, discovered } = await configured(t, ['verify', 'sessions'], how);
    assert.equal(discovered.serverMetadata().issuer, demo.url);
    const { access_token: token, session_id: session, user } = await signIn(demo);
    const good = await client.tokenIntrospection(discovered, token, { token_type_hint: 'access_token' });
    assert.equal(good.active, true);
    assert.equal(good.sub, user.id);
    assert.equal(good.sid, session);
    assert.ok(Array.isArray(good.permissions));
    assert.deepEqual(await client.tokenIntrospection(discovered, 'nonsense'), { active: false });

    await client.tokenRevocation(discovered, token, { token_type_hint: 'access_token' });
    assert.deepEqual(await client.tokenIntrospection(discovered, token), { active: false });
    await client.tokenRevocation(discovered, 'nonsense');
    const ended = await demo.api('GET', `/v1/sessions?user_id=${user.id}&state=ended`);
    assert.deepEqual(ended.items.map(({ id, reason }) => [id, reason]), [[session, 'signed_out']]);
  });
}

test('refresh, as a client of its own without a secret', async (t) => {
  const { demo, discovered } = await configured(t, ['verify'], client.None);
  const { refresh_token: first } = await signIn(demo);
  const refreshed = await client.refreshTokenGrant(discovered, first);
  assert.equal(refreshed.token_type, 'bearer');
  assert.ok(refreshed.access_token);
  assert.notEqual(refreshed.refresh_token, first);
  assert.ok(Number(refreshed.expires_in) > 0);
  await assert.rejects(client.refreshTokenGrant(discovered, 'nonsense'), { error: 'invalid_grant' });
});

test('a refresh token is revoked with its session', async (t) => {
  const { demo, discovered } = await configured(t, ['sessions', 'verify'], client.ClientSecretBasic);
  const { refresh_token: token, access_token: access } = await signIn(demo);
  await client.tokenRevocation(discovered, token, { token_type_hint: 'refresh_token' });
  assert.deepEqual(await client.tokenIntrospection(discovered, access), { active: false });
  const anyone = new client.Configuration(discovered.serverMetadata(), 'app', undefined, client.None());
  client.allowInsecureRequests(anyone);
  await assert.rejects(client.refreshTokenGrant(anyone, token), { error: 'invalid_grant' });
});

for (const [name, how] of Object.entries({ basic: client.ClientSecretBasic, post: client.ClientSecretPost })) {
  test(`client credentials, with the secret by ${name}`, async (t) => {
    const { demo, discovered } = await configured(t, ['verify', 'sessions'], how);
    const granted = await client.clientCredentialsGrant(discovered, { scope: 'sessions' });
    assert.equal(granted.scope, 'sessions');
    const url = new URL('/v1/users', demo.url);
    const users = await client.fetchProtectedResource(discovered, granted.access_token, url, 'GET');
    assert.equal(users.status, 200);
    const said = await client.tokenIntrospection(discovered, granted.access_token);
    assert.deepEqual([said.active, said.scope], [true, 'sessions']);
    await assert.rejects(client.clientCredentialsGrant(discovered, { scope: 'admin' }), { error: 'invalid_scope' });

    const id = String(said.client_id);
    await demo.api('DELETE', `/v1/api-keys/${id}`);
    const after = await fetch(url, { headers: { authorization: `Bearer ${granted.access_token}` } });
    assert.equal(after.status, 401);
    await assert.rejects(client.clientCredentialsGrant(discovered), { status: 401 });
  });
}

test('token exchange', async (t) => {
  const secret = randomUUID();
  const issuer = 'https://issuer.example';
  const settings = {
    SHOP_SECRET: secret,
    SESSIONWIRE_ISSUERS: `[{ name = 'shop', issuer = '${issuer}', audiences = ['api'], secret_env = 'SHOP_SECRET', algorithms = ['HS256'], strangers = 'create' }]`,
  };
  const { demo, discovered } = await configured(t, ['verify'], client.None, settings);
  const part = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, sub: '4711', aud: 'api', sid: 's1', iat: now, exp: now + 300, auth_time: now };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const of = (/** @type {string} */ subject) => ({
    subject_token: subject,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  });
  const granted = await client.genericGrantRequest(discovered, grant, of(token));
  assert.equal(granted.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token');
  const me = await client.fetchProtectedResource(discovered, granted.access_token, new URL('/v1/me', demo.url), 'GET');
  assert.equal(/** @type {any} */ (await me.json()).username, 'shop:4711');
  assert.ok((await client.refreshTokenGrant(discovered, String(granted.refresh_token))).access_token);
  await assert.rejects(client.genericGrantRequest(discovered, grant, of('nonsense')), { error: 'invalid_request' });
});

test('a secret that is none, and one that may not', async (t) => {
  const { demo, discovered } = await configured(t, ['feed'], client.ClientSecretBasic);
  const { access_token: token } = await signIn(demo);
  await assert.rejects(client.tokenIntrospection(discovered, token), ({ cause }) => cause.status === 403);
  const wrong = new client.Configuration(discovered.serverMetadata(), 'app', undefined, client.ClientSecretBasic('swk_wrong'));
  client.allowInsecureRequests(wrong);
  await assert.rejects(client.tokenIntrospection(wrong, token), { status: 401 });
});
