/**
 * Another issuer: its published keys on a port of its own, and tokens of it. It may not know who takes them.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';

import { SignJWT } from 'jose';

import { makeKey } from './keys.js';

/** @param {import('node:test').TestContext} t */
export async function startIssuer(t) {
  const key = await makeKey('k1');
  const server = createServer((request, response) => {
    const { port } = server.address();
    const url = `http://127.0.0.1:${port}`;
    const isAbout = request.url === '/.well-known/openid-configuration';
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(isAbout ? { issuer: url, jwks_uri: `${url}/keys` } : { keys: [key.jwk] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    /** What makes a server take its tokens as they are. */
    settings: { SESSIONWIRE_ISSUERS: `[{ name = 'shop', issuer = '${url}', audiences = ['api'], addresses = 'any', strangers = 'create', use = 'attach' }]` },
    /** A token of ten minutes of somebody who signed in just now, with claims in the place of others. */
    token: (sub, sid, claims = {}, by = key) => {
      const now = Math.floor(Date.now() / 1000);
      const whole = { iss: url, sub, sid, aud: 'api', iat: now, exp: now + 600, auth_time: now, ...claims };
      return new SignJWT(whole).setProtectedHeader({ typ: 'JWT', alg: 'ES256', kid: 'k1' }).sign(by.privateKey);
    },
  };
}
