/**
 * Messages: reads what the server says. Pure. What is malformed is `null`, what is of an unknown
 * type is `unknown`; neither throws. It may not know what a message brings about.
 */

import { sorted } from './answers.js';

/**
 * @typedef {{ type: 'welcome', sessionId: string, groups: readonly string[], permissions: readonly string[], asOf: number, heartbeatMs: number }
 *   | { type: 'permissions.changed', id: number, asOf: number, added: readonly string[], removed: readonly string[], gained: readonly string[], lost: readonly string[], withinMs: number, by: string | null }
 *   | { type: 'session.revoked', id: number, sessionId: string, reason: string, message: string, replacedBy?: import('./types.js').DeviceLabel }
 *   | { type: 'session.takeover_requested', id: number, requestId: string, deviceName: string, platform: string, expiresAt: string }
 *   | { type: 'notice', id: number, notice: import('./types.js').Notice }
 *   | { type: 'session.expiring', expiring: import('./types.js').Expiring }
 *   | { type: 'reconnect', afterMs: number }
 *   | { type: 'error', code: string, message: string }
 *   | { type: 'token.expiring' | 'token.refreshed' | 'pong' | 'unknown' }} Message
 */

/** What a client says. @typedef {{ type: string, [member: string]: unknown }} Said */

/**
 * @param {unknown} data
 * @returns {Message | null}
 */
export function readMessage(data) {
  if (typeof data !== 'string') return null;
  try {
    const value = JSON.parse(data);
    return typeof value?.type === 'string' ? read(value) : null;
  } catch {
    return null;
  }
}

/**
 * A message whose type stands beside it.
 * @param {string} type
 * @param {string} data
 * @returns {Message | null}
 */
export function readEvent(type, data) {
  try {
    return read({ ...JSON.parse(data), type });
  } catch {
    return null;
  }
}

/** Longer waits than this are taken for a mistake. */
const LONGEST_MS = 24 * 3_600_000;

/**
 * Throws for what is missing; the caller turns that into null.
 * @param {any} it
 * @returns {Message}
 */
function read(it) {
  switch (it.type) {
    case 'welcome':
      return {
        type: 'welcome',
        sessionId: text(it.session_id),
        groups: sorted(list(it.groups)),
        permissions: sorted(list(it.permissions)),
        asOf: position(it.as_of),
        heartbeatMs: Math.max(1, duration(it.heartbeat_seconds)) * 1_000,
      };
    case 'permissions.changed':
      return {
        type: it.type,
        id: position(it.id),
        asOf: position(it.as_of),
        added: sorted(list(it.groups.added)),
        removed: sorted(list(it.groups.removed)),
        gained: sorted(list(it.permissions.gained)),
        lost: sorted(list(it.permissions.lost)),
        withinMs: duration(it.refresh_within_ms),
        by: typeof it.initiating_entity === 'string' ? it.initiating_entity : null,
      };
    case 'session.revoked':
      return {
        type: it.type,
        id: position(it.id),
        sessionId: text(it.session_id),
        reason: text(it.reason),
        message: text(it.message),
        ...(it.replaced_by ? { replacedBy: label(it.replaced_by) } : {}),
      };
    case 'session.takeover_requested':
      return { type: it.type, id: position(it.id), requestId: text(it.request_id), ...label(it), expiresAt: text(it.expires_at) };
    case 'notice':
      return { type: it.type, id: position(it.id), notice: notice(it) };
    case 'session.expiring':
      return { type: it.type, expiring: { expiresAt: text(it.expires_at), cause: text(it.cause) } };
    case 'reconnect':
      return { type: it.type, afterMs: duration(it.after_ms) };
    case 'error':
      return { type: it.type, code: text(it.code), message: text(it.message) };
    case 'token.expiring':
    case 'token.refreshed':
    case 'pong':
      return { type: it.type };
    default:
      return { type: 'unknown' };
  }
}

/**
 * @param {any} it
 * @returns {import('./types.js').Notice}
 */
function notice(it) {
  const level = it.level === 'warning' || it.level === 'critical' ? it.level : 'info';
  const read = { id: position(it.id), level, title: text(it.title), body: text(it.body), at: text(it.at) };
  return it.data === undefined ? read : { ...read, data: it.data };
}

/** @param {any} it */
function label(it) {
  return { deviceName: text(it.device_name), platform: text(it.platform) };
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function text(value) {
  if (typeof value === 'string') return value;
  throw new TypeError('a text was expected');
}

/**
 * @param {unknown} value
 * @returns {number}
 */
function position(value) {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError('a position was expected');
}

/**
 * @param {unknown} value
 * @returns {number}
 */
function duration(value) {
  if (typeof value === 'number' && value >= 0) return Math.min(value, LONGEST_MS);
  throw new TypeError('a duration was expected');
}

/**
 * @param {unknown} value
 * @returns {string[]}
 */
function list(value) {
  if (Array.isArray(value)) return value.map(text);
  throw new TypeError('a list was expected');
}
