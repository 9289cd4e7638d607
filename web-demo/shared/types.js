// The shapes that the pages work with: the client's interface and the server's bodies, as the contract
// has them. Types only; nothing here runs.

/** @typedef {{ deviceName: string, platform: string }} DeviceLabel */
/** @typedef {{ reason: string, message: string, replacedBy?: DeviceLabel }} Ended */
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
 */
/**
 * @template T
 * @typedef {{ items: T[], next_cursor: string | null }} Page
 */

/** @typedef {{ outcome: 'signed_in' }} SignedIn */
/** @typedef {{ outcome: 'denied' }} Denied */
/** @typedef {{ outcome: 'cancelled' }} Cancelled */
/** @typedef {{ deviceName: string, platform: string, lastActiveAt: string }} SeatHolder */
/** @typedef {{ outcome: 'refused', sessions: SeatHolder[], takeOver?: () => Promise<SignInResult> }} Refused */
/** @typedef {{ outcome: 'pending', expiresAt: string | Date, decided: Promise<SignInResult>, cancel(): void }} Pending */
/** @typedef {SignedIn | Refused | Pending | Denied | Cancelled} SignInResult */

/** @typedef {{ requestId: string, deviceName: string, platform: string, expiresAt: string | Date, approve(): unknown, deny(): unknown }} TakeoverRequest */
/** @typedef {{ id: number, level: 'info' | 'warning' | 'critical', title: string, body: string, at: string }} Notice */
/** @typedef {{ gained: string[], lost: string[], groupsAdded: string[], groupsRemoved: string[] }} RightsChange */
/**
 * @typedef {object} SessionEvents
 * @property {{ state: State, previous: State, ended?: Ended }} statechange
 * @property {RightsChange} permissionschange
 * @property {Ended} ended
 * @property {TakeoverRequest} takeoverrequest
 * @property {Notice} notice
 * @property {{ code: string, message: string }} error
 */
/** @typedef {'connecting' | 'live' | 'offline' | 'ended'} State */
/**
 * @typedef {object} Session
 * @property {Promise<unknown>} ready
 * @property {State} state
 * @property {Ended | null} ended
 * @property {User | null} user
 * @property {Device | null} device
 * @property {string | null} id
 * @property {readonly string[]} groups
 * @property {readonly string[]} permissions
 * @property {(permission: string) => boolean} can
 * @property {(credentials: { username: string, password: string, rememberMe?: boolean }) => Promise<SignInResult>} signIn
 * @property {() => Promise<unknown>} signOut
 * @property {(options?: { exceptCurrent?: boolean }) => Promise<unknown>} signOutEverywhere
 * @property {() => Promise<unknown>} refresh
 * @property {(path: string, init?: RequestInit) => Promise<Response>} fetch
 * @property {() => void} close
 * @property {<K extends keyof SessionEvents>(name: K, listener: (event: SessionEvents[K]) => void) => () => void} on
 */

export {};
