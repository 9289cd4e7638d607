// The shapes that the pages work with: the client's, and the server's bodies as the contract has
// them. Types only; nothing here runs.

/** @typedef {{ id: string, name: string, platform: string }} Device */
/**
 * @typedef {object} User
 * @property {string} id
 * @property {string} username
 * @property {string} display_name
 * @property {string} [external_id]
 * @property {'active' | 'suspended'} status
 * @property {string[]} groups
 * @property {string[]} permissions
 * @property {string} created_at
 */
/** @typedef {{ id: string, name: string, permissions: string[], priority: number, member_count: number }} Group */
/**
 * @typedef {object} SessionItem
 * @property {string} id
 * @property {string} user_id
 * @property {Device} device
 * @property {'live' | 'ended'} state
 * @property {string} created_at
 * @property {string} last_active_at
 * @property {string} [ip]
 * @property {string} [user_agent]
 * @property {number} connections
 * @property {boolean} [current]
 */
/** @typedef {{ user_id: string, username: string, connections: number, devices: number, since: string }} Present */
/**
 * @typedef {object} LogEvent
 * @property {number} seq
 * @property {string} type
 * @property {string} at
 * @property {{ type: string, id: string | null }} actor
 * @property {{ type: string, id: string | null }} subject
 * @property {Record<string, any>} data
 */
/** @typedef {{ head: number, connections: number, users: number, tell: { count: number, p50_ms: number | null, p99_ms: number | null } }} Pulse */
/**
 * @typedef {object} Receipt
 * @property {number} seq
 * @property {boolean} [changed]
 * @property {number} sessions_ended
 * @property {{ told: number, closed: number }} connections
 * @property {number} elapsed_ms
 */
/** @typedef {{ dry_run: true, users: number, sessions: number, connections: number, tokens_until: string }} Preview */
/**
 * @typedef {object} Policy
 * @property {number | null} max_sessions
 * @property {'user' | 'platform'} count_by
 * @property {'evict_oldest' | 'reject' | 'ask' | 'approve'} at_limit
 * @property {number | null} idle_timeout_s
 * @property {number | null} max_age_s
 * @property {number | null} remembered_idle_timeout_s
 * @property {number | null} remembered_max_age_s
 * @property {number | null} sign_in_max_age_s
 */
/**
 * @template T
 * @typedef {{ items: T[], next_cursor: string | null }} Page
 */

/** @typedef {import('/client/index.js').Session} Session */
/** @typedef {import('/client/index.js').Ended} Ended */
/** @typedef {import('/client/index.js').SignInResult} SignInResult */
/** @typedef {import('/client/index.js').Decided} Decided */
/** @typedef {Extract<SignInResult, { outcome: 'refused' }>} Refused */
/** @typedef {Extract<SignInResult, { outcome: 'pending' }>} Pending */
/** @typedef {import('/client/index.js').TakeoverRequest} TakeoverRequest */

export {};
