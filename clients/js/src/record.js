/**
 * The stored record: how it is read, and which of two holds. Pure. It may not know where records are
 * kept, nor who wrote them.
 *
 * `merge` gives the same whatever the order in which tabs see each other's records. Within a generation
 * tokens and rights are merged apart, so that a tab that learnt of new rights can't bring back the
 * tokens that another tab has just replaced.
 */

/** @typedef {import('./types.js').Stored} Stored */
/** @typedef {import('./types.js').Kept} Kept */

/** @type {Stored} */
export const NOTHING = Object.freeze({ generation: 0, signedOut: 0, mark: '', session: null, ended: null });

/**
 * @param {Stored} a
 * @param {Stored} b
 * @returns {Stored} `a` itself where `b` brings nothing new.
 */
export function merge(a, b) {
  const signedOut = Math.max(a.signedOut, b.signedOut);
  const winner = prevailing(a, b);
  const session =
    a.generation === b.generation && a.session && b.session && a.session.id === b.session.id
      ? mergeSessions(a.session, b.session)
      : winner.session;
  if (winner === a && session === a.session && signedOut === a.signedOut) return a;
  return Object.freeze({ ...winner, session, signedOut });
}

/**
 * @param {Stored} a
 * @param {Stored} b
 */
function prevailing(a, b) {
  if (a.generation !== b.generation) return a.generation > b.generation ? a : b;
  if (rank(a) !== rank(b)) return rank(a) > rank(b) ? a : b;
  return b.mark > a.mark ? b : a;
}

/**
 * Between two that began the same generation. The person's sign-out holds, which is the safe mistake. An end that
 * the server told is of the session before: where another tab has just signed in anew, that is what caused it.
 * @param {Stored} record
 */
function rank(record) {
  if (record.session) return 1;
  return record.signedOut === record.generation ? 2 : 0;
}

/**
 * @param {Kept} a
 * @param {Kept} b
 * @returns {Kept}
 */
function mergeSessions(a, b) {
  const grant = laterGrant(a.grant, b.grant);
  const rights = laterRights(a.rights, b.rights);
  return grant === a.grant && rights === a.rights ? a : Object.freeze({ ...a, grant, rights });
}

/**
 * @param {import('./types.js').Grant} a
 * @param {import('./types.js').Grant} b
 */
function laterGrant(a, b) {
  if (a.version !== b.version) return a.version > b.version ? a : b;
  if (a.expiresAt !== b.expiresAt) return a.expiresAt > b.expiresAt ? a : b;
  return b.accessToken > a.accessToken ? b : a;
}

/**
 * @param {import('./types.js').Rights} a
 * @param {import('./types.js').Rights} b
 */
function laterRights(a, b) {
  return b.asOf > a.asOf ? b : a;
}

/**
 * @param {string | null | undefined} text
 * @returns {Stored} {@link NOTHING} for what isn't a record.
 */
export function readRecord(text) {
  if (!text) return NOTHING;
  try {
    return check(JSON.parse(text));
  } catch {
    return NOTHING;
  }
}

/**
 * @param {any} value
 * @returns {Stored}
 */
function check(value) {
  const { generation, signedOut, mark, session, ended } = value;
  if (!Number.isSafeInteger(generation) || !Number.isSafeInteger(signedOut) || typeof mark !== 'string') return NOTHING;
  if (session !== null && !isSession(session)) return NOTHING;
  if (ended !== null && (typeof ended?.reason !== 'string' || typeof ended.message !== 'string')) return NOTHING;
  return Object.freeze({ generation, signedOut, mark, session, ended });
}

/** @param {any} session */
function isSession(session) {
  const { id, device, grant, rights } = session;
  return (
    [id, device.id, device.name, device.platform, grant.accessToken, grant.refreshToken].every(isText) &&
    [grant.user.id, grant.user.username, grant.user.displayName].every(isText) &&
    [grant.version, grant.obtainedAt, grant.expiresAt, grant.asOf, rights.asOf].every(Number.isFinite) &&
    isTexts(rights.groups) &&
    isTexts(rights.permissions)
  );
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === 'string';
}

/** @param {unknown} value */
function isTexts(value) {
  return Array.isArray(value) && value.every(isText);
}
