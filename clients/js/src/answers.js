/**
 * Answers: reads what the server says after a sign-in or a refresh, and refuses what isn't that. Pure. It
 * may not know what becomes of it.
 */

import { claimsOf } from './claims.js';
import { SessionwireError } from './errors.js';

/** @typedef {import('./types.js').Kept} Kept */

/**
 * @param {any} body
 * @param {number} askedAt By this device's clock; the server's may differ, so only durations are taken from it.
 * @returns {Kept}
 */
export function readSignedIn(body, askedAt) {
  const { session_id: id, expires_in: seconds, user, device } = body ?? {};
  const { accessToken, refreshToken, asOf } = tokensOf(body ?? {}, askedAt);
  if (![id, accessToken, refreshToken, user?.id, device?.id].every(isText) || !Number.isFinite(seconds)) {
    throw new SessionwireError('bad_answer', 'The answer is not what a Sessionwire server sends.', { status: 200 });
  }
  return Object.freeze({
    id,
    device: Object.freeze({ id: device.id, name: String(device.name ?? ''), platform: String(device.platform ?? '') }),
    grant: Object.freeze({
      version: 0,
      accessToken,
      refreshToken,
      obtainedAt: askedAt,
      expiresAt: askedAt + seconds * 1_000,
      asOf,
      user: readUser(user),
    }),
    rights: Object.freeze({ asOf, groups: sorted(user.groups), permissions: sorted(user.permissions), by: null }),
  });
}

/**
 * The tokens, or what stands for those that a cookie hides: a name that tells one pair from the next.
 * @param {any} body
 * @param {number} askedAt
 */
function tokensOf(body, askedAt) {
  if (body.token_type === 'cookie') {
    const name = `cookie:${body.as_of}:${askedAt}`;
    return { accessToken: name, refreshToken: name, asOf: Number.isSafeInteger(body.as_of) ? body.as_of : -1 };
  }
  const { access_token: accessToken, refresh_token: refreshToken } = body;
  return { accessToken, refreshToken, asOf: isText(accessToken) ? positionIn(accessToken) : -1 };
}

/**
 * The session with what a refresh brought.
 * @param {Kept} kept
 * @param {Kept} fresh
 * @returns {Kept}
 */
export function renewed(kept, fresh) {
  const grant = Object.freeze({ ...fresh.grant, version: kept.grant.version + 1 });
  const asOf = Math.max(fresh.rights.asOf, kept.rights.asOf);
  // A token whose position can't be read is taken for up to date: the server has just made it.
  const isNews = fresh.rights.asOf === -1 || fresh.rights.asOf >= kept.rights.asOf;
  const rights = isNews ? Object.freeze({ ...fresh.rights, asOf, by: kept.rights.by }) : kept.rights;
  return Object.freeze({ ...kept, grant, rights });
}

/** @param {any} user */
function readUser(user) {
  const { id, username, display_name: displayName, external_id: externalId } = user;
  return Object.freeze({
    id,
    username: String(username ?? ''),
    displayName: String(displayName ?? username ?? ''),
    ...(isText(externalId) ? { externalId } : {}),
  });
}

/**
 * @param {unknown} value
 * @returns {readonly string[]}
 */
export function sorted(value) {
  return Object.freeze(Array.isArray(value) ? value.filter(isText).sort() : []);
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === 'string';
}

/**
 * The token's `as_of`: it only orders what this client was told.
 * @param {string} token
 */
function positionIn(token) {
  const position = claimsOf(token).as_of;
  return Number.isSafeInteger(position) ? position : -1;
}
