/**
 * Types that several modules share, and that applications see. No code.
 */

/** @typedef {'connecting' | 'live' | 'offline' | 'ended'} State */
/** @typedef {import('./roads.js').Transport} Transport */
/** @typedef {'web' | 'ios' | 'android' | 'desktop' | 'game' | 'other'} Platform */

/** @typedef {{ readonly deviceName: string, readonly platform: string }} DeviceLabel */
/** @typedef {{ readonly id: string, readonly name: string, readonly platform: string }} Device */
/** @typedef {{ readonly id: string, readonly username: string, readonly displayName: string, readonly externalId?: string }} User */
/** @typedef {{ readonly reason: string, readonly message: string, readonly replacedBy?: DeviceLabel }} Ended */
/** @typedef {{ readonly deviceName: string, readonly platform: string, readonly lastActiveAt: string }} SeatTaken */

/**
 * With a password here; with a token of an identity provider whose tokens the server takes; or through a back end
 * of the application's, which signs its user in (`POST /v1/users/{id}/sessions`) and passes the server's answer on as
 * it is.
 * @typedef {(ByPassword | ByToken | ByAsking) & { rememberMe?: boolean }} SignInOptions `rememberMe`: for the longer
 *   pair of lifetimes in the policy.
 */
/** @typedef {{ username: string, password: string }} ByPassword */
/** @typedef {{ token: string }} ByToken */
/** @typedef {{ ask: (who: Asking, signal: AbortSignal) => Promise<Response> }} ByAsking */
/** @typedef {{ readonly device: Device, readonly remember_me: boolean }} Asking What the server wants in the body. */

/** @typedef {{ readonly outcome: 'signed_in', readonly user: User, readonly device: Device }} SignedIn */
/**
 * No seat is free. `takeOver` is there where the policy lets the person take one.
 * @typedef {{ readonly outcome: 'refused', readonly sessions: readonly SeatTaken[], readonly takeOver?: () => Promise<SignInResult> }} Refused
 */
/**
 * The devices in the way are being asked.
 * @typedef {{ readonly outcome: 'pending', readonly expiresAt: string, readonly decided: Promise<Decided>, cancel(): void }} Pending
 */
/** @typedef {{ readonly outcome: 'denied' }} Denied */
/** @typedef {{ readonly outcome: 'cancelled' }} Cancelled */
/** @typedef {SignedIn | Refused | Pending} SignInResult */
/** @typedef {SignedIn | Refused | Denied | Cancelled} Decided */

/**
 * `state` is as it was where only the transport changed.
 * @typedef {object} StateChange
 * @property {State} state
 * @property {State} previous
 * @property {Transport | null} transport What brings the server's messages; null unless `live`.
 * @property {Ended} [ended]
 */
/**
 * `initiatedBy` is null where the change happened while nobody listened.
 * @typedef {object} PermissionsChange
 * @property {readonly string[]} gained
 * @property {readonly string[]} lost
 * @property {readonly string[]} groupsAdded
 * @property {readonly string[]} groupsRemoved
 * @property {string | null} initiatedBy
 */
/**
 * @typedef {object} TakeoverRequest
 * @property {string} requestId
 * @property {string} deviceName
 * @property {string} platform
 * @property {string} expiresAt
 * @property {() => boolean} approve Signs this device out and lets the other one in. False: it could not be
 *   said, because nothing is connected now, or only a stream.
 * @property {() => boolean} deny
 */
/** @typedef {{ id: number, level: 'info' | 'warning' | 'critical', title: string, body: string, data?: unknown, at: string }} Notice */
/** @typedef {{ expiresAt: string, cause: string }} Expiring `cause`: `idle_timeout`, `max_age` or `sign_in_max_age`. */
/** @typedef {{ code: string, message: string }} Report */

/**
 * @typedef {{
 *   statechange: StateChange,
 *   permissionschange: PermissionsChange,
 *   ended: Ended,
 *   takeoverrequest: TakeoverRequest,
 *   notice: Notice,
 *   sessionexpiring: Expiring,
 *   error: Report,
 *   change: undefined,
 * }} Events
 */

/** @typedef {string | null | undefined} Text */
/**
 * @typedef {object} TextStorage
 * @property {(key: string) => Text | Promise<Text>} get
 * @property {(key: string, text: string) => unknown} set
 * @property {(key: string) => unknown} remove
 */

/**
 * Keeps pairs of keys (ECDSA, P-256). `set` leaves what is there already.
 * @typedef {object} KeyStore
 * @property {(name: string) => CryptoKeyPair | null | undefined | Promise<CryptoKeyPair | null | undefined>} get
 * @property {(name: string, keys: CryptoKeyPair) => unknown} set
 */

/**
 * What of a WebSocket is used; `ws`, browsers and React Native have it.
 * @typedef {object} SocketLike
 * @property {number} readyState
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {() => void} [terminate] Only `ws`.
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 */
/** @typedef {new (url: string, protocols: string[]) => SocketLike} SocketClass */

/**
 * @typedef {object} Options
 * @property {string} [url] Base address of the server; left out: the page's origin.
 * @property {'memory' | 'local' | 'cookie' | TextStorage} [storage]
 * @property {boolean} [bound] The tokens are good only beside a cookie that no script sees: stolen, they are worth nothing elsewhere.
 * @property {boolean} [dpop] The tokens are good only beside proofs made with a key that no script can read (RFC 9449).
 * @property {KeyStore} [keyStore] Where that key is kept; left out: in the page's IndexedDB, elsewhere in memory.
 * @property {{ id?: string, name?: string, platform?: Platform }} [device]
 * @property {string} [namespace] Two namespaces are two devices.
 * @property {readonly string[]} [trustedOrigins] Other origins that may be sent the token by `session.fetch`.
 * @property {number} [idleAfterMs] How long after the person's last activity tokens are still refreshed
 *   silently. A minute where there is a page, for ever where there is none.
 * @property {typeof globalThis.fetch} [fetch]
 * @property {any} [WebSocket] A class like the browser's.
 * @property {{ time?: import('./time.js').Time, platform?: import('./platform.js').Platform }} [internals] For tests.
 */

/**
 * @typedef {object} Rights
 * @property {number} asOf Position in the server's log up to which they are known.
 * @property {readonly string[]} groups
 * @property {readonly string[]} permissions
 * @property {string | null} by Who changed them last.
 */

/**
 * What the last sign-in or refresh answered.
 * @typedef {object} Grant
 * @property {number} version How often the refresh token was rotated; of two grants the later has the higher.
 * @property {string} accessToken
 * @property {string} refreshToken
 * @property {number} obtainedAt By this device's clock.
 * @property {number} expiresAt By this device's clock.
 * @property {number} asOf How much of the log the access token has seen; -1 where that isn't known.
 * @property {User} user
 */

/** @typedef {{ readonly id: string, readonly device: Device, readonly grant: Grant, readonly rights: Rights }} Kept */

/**
 * The one record that is stored.
 * @typedef {object} Stored
 * @property {number} generation Grows with each sign-in and each end.
 * @property {number} signedOut The generation that the person's last sign-out began.
 * @property {string} mark Random; decides where two tabs began the same generation.
 * @property {Kept | null} session
 * @property {Ended | null} ended
 */

export {};
