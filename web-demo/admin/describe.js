// An event of the log as a sentence. What is unknown here keeps its type's name, so that a newer server can
// still be read.

/** @typedef {import('../shared/types.js').LogEvent} LogEvent */
/** @typedef {(id: string | null | undefined) => string} NameOf */

/** @type {Record<string, string>} */
const REASONS = {
  signed_out: 'signed out',
  signed_out_everywhere: 'signed out everywhere',
  revoked_by_admin: 'signed out by an administrator',
  superseded: 'gave way to another device',
  user_suspended: 'was suspended',
  user_deleted: 'was removed',
  password_changed: 'got a new password',
  refresh_token_reused: 'was signed out: a used token came again',
  idle_timeout: 'was idle too long',
  expired: 'reached the end of the session',
  device_revoked: 'had a device removed',
  policy_changed: 'was signed out by a new policy',
  identity_provider_logout: 'was signed out by the identity provider',
  revoke_all: 'was signed out with everybody',
};

export const EVENT_TYPES = [
  'user.created', 'user.updated', 'user.suspended', 'user.resumed', 'user.deleted', 'user.password_changed',
  'identity.linked', 'identity.unlinked',
  'group.created', 'group.updated', 'group.deleted', 'group.permissions_changed',
  'membership.added', 'membership.removed', 'session.started', 'session.ended', 'device.revoked',
  'takeover.requested', 'takeover.answered', 'policy.changed', 'policy.removed', 'notice.sent',
  'api_key.created', 'api_key.revoked', 'signing_key.rotated', 'sessions.revoked_all',
  'sink.disabled', 'sink.enabled',
];

/**
 * @param {LogEvent} event
 * @param {NameOf} person
 * @returns {{ text: string, tone: '' | 'at' | 'warn' | 'bad' }}
 */
export function describe({ type, data, subject }, person) {
  const who = data.username ?? person(data.user_id ?? (subject.type === 'user' ? subject.id : null));
  switch (type) {
    case 'user.created': return { text: `${who} was created`, tone: 'at' };
    case 'user.updated': return { text: `${who} was changed`, tone: '' };
    case 'user.suspended': return { text: `${who} was suspended`, tone: 'bad' };
    case 'user.resumed': return { text: `${who} may sign in again`, tone: 'at' };
    case 'user.deleted': return { text: `${who} was deleted`, tone: 'bad' };
    case 'user.password_changed': return { text: `${who} has a new password`, tone: 'warn' };
    case 'identity.linked': return { text: `${who} signs in by ${data.issuer}`, tone: 'at' };
    case 'identity.unlinked': return { text: `${who} no longer signs in by ${data.issuer}`, tone: 'warn' };
    case 'group.created': return { text: `Group ${data.name} was created`, tone: 'at' };
    case 'group.updated': return { text: data.old_name === data.name ? `Group ${data.name} was changed` : `Group ${data.old_name} is now ${data.name}`, tone: '' };
    case 'group.deleted': return { text: `Group ${data.name} was deleted`, tone: 'bad' };
    case 'group.permissions_changed': return { text: `Group ${data.name}: ${changes(data.added, data.removed)}`, tone: 'warn' };
    case 'membership.added': return { text: `${who} joined ${data.group}`, tone: 'at' };
    case 'membership.removed': return { text: `${who} left ${data.group}`, tone: 'warn' };
    case 'session.started': return { text: `${who} signed in on ${deviceName(data.device)}${data.issuer ? `, by ${data.issuer}` : ''}`, tone: 'at' };
    case 'session.ended': return { text: `${who} ${REASONS[data.reason] ?? 'ended a session'}${data.replaced_by ? ` (${deviceName(data.replaced_by)})` : ''}`, tone: data.reason === 'signed_out' ? '' : 'bad' };
    case 'device.revoked': return { text: `A device of ${who} was removed`, tone: 'warn' };
    case 'takeover.requested': return { text: `${who} asks for a seat on ${data.device_name ?? 'another device'}`, tone: 'warn' };
    case 'takeover.answered': return { text: `The request of ${who} was ${data.allowed ? 'allowed' : 'denied'}`, tone: data.allowed ? 'at' : 'warn' };
    case 'policy.changed': return { text: `The policy for ${scopeName(data.scope, person)} was set`, tone: 'warn' };
    case 'policy.removed': return { text: `The policy for ${scopeName(data.scope, person)} was removed`, tone: '' };
    case 'notice.sent': return { text: `Notice “${data.notice?.title ?? ''}” to ${audience(data.to, person)}`, tone: 'at' };
    case 'api_key.created': return { text: `API key ${data.name} was created`, tone: 'at' };
    case 'api_key.revoked': return { text: 'An API key was revoked', tone: 'warn' };
    case 'signing_key.rotated': return { text: 'A new signing key is in use', tone: '' };
    case 'sessions.revoked_all': return { text: 'Everybody was signed out', tone: 'bad' };
    case 'sink.disabled': return { text: `The sink ${data.sink} failed for too long and is no longer tried`, tone: 'bad' };
    case 'sink.enabled': return { text: `The sink ${data.sink} is tried again`, tone: '' };
    default: return { text: type, tone: '' };
  }
}

/** @param {{ device_name?: string, name?: string } | undefined} label */
const deviceName = (label) => label?.device_name ?? label?.name ?? 'a device';

/**
 * @param {string[]} added
 * @param {string[]} removed
 */
const changes = (added = [], removed = []) => [...added.map((name) => `+ ${name}`), ...removed.map((name) => `− ${name}`)].join(', ') || 'permissions set';

/**
 * @param {unknown} scope
 * @param {NameOf} person
 */
function scopeName(scope, person) {
  if (scope && typeof scope === 'object' && 'user' in scope) return person(String(scope.user));
  return scope && typeof scope === 'object' && 'group' in scope ? 'a group' : 'everybody';
}

/**
 * @param {{ user?: string, group?: { name: string } } | undefined} to
 * @param {NameOf} person
 */
const audience = (to, person) => (to?.group ? `group ${to.group.name}` : person(to?.user));

/**
 * @param {LogEvent} event
 * @param {string} user
 */
export const concernsUser = ({ subject, data, actor }, user) =>
  data.user_id === user || data.to?.user === user || [subject, actor].some(({ type, id }) => type === 'user' && id === user);
