/**
 * Keys and tokens for scripted servers: what the real one signs, made here. It may not know who checks them.
 */

import { randomUUID } from 'node:crypto';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export const ISSUER = 'https://sessions.example';
export const AUDIENCE = 'sessionwire';

export async function makeKey(kid) {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

/** A token of five minutes, with claims in the place of others. */
export async function tokenBy({ kid, privateKey }, claims = {}) {
  const now = Math.floor(Date.now() / 1000);
  const whole = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: randomUUID(),
    sid: randomUUID(),
    jti: randomUUID(),
    device_id: randomUUID(),
    client_id: 'sessionwire',
    iat: now,
    exp: now + 300,
    auth_time: now,
    groups: [],
    permissions: [],
    as_of: 100,
    fence: 40,
    ...claims,
  };
  return new SignJWT(whole).setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid }).sign(privateKey);
}
