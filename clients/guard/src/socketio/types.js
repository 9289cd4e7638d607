/**
 * What of Socket.IO is used, so that applications without it need no types of it. No code.
 */

/** @typedef {import('../types.js').Claims} Claims */

/**
 * What of a handshake is looked at for a token.
 * @typedef {object} Handshake
 * @property {Record<string, any>} auth
 * @property {Record<string, string | string[] | undefined>} headers
 * @property {readonly string[]} [rawHeaders]
 */
/**
 * The connection below a client's sockets (Engine.IO).
 * @typedef {object} Conn
 * @property {string} readyState
 * @property {() => void} close
 * @property {(name: 'close', listener: () => void) => unknown} once
 * @property {(name: 'close', listener: () => void) => unknown} removeListener
 */
/**
 * A client: one connection, a socket in each namespace that it is in.
 * @typedef {object} Client
 * @property {Conn} conn
 * @property {import('node:http').IncomingMessage} request
 * @property {() => void} [close] Not public.
 */
/**
 * @typedef {object} Socket
 * @property {Client} client
 * @property {Conn} conn
 * @property {Namespace} nsp
 * @property {any} data
 * @property {boolean} connected
 * @property {boolean} recovered
 * @property {{ auth: Record<string, any>, headers: Record<string, string | string[] | undefined> }} handshake
 * @property {(name: string, ...args: any[]) => unknown} emit
 * @property {(name: string, listener: (...args: any[]) => void) => unknown} on
 * @property {(name: string, listener: (...args: any[]) => void) => unknown} off
 * @property {(rooms: string[]) => Promise<void> | void} join
 * @property {(close?: boolean) => unknown} disconnect
 */
/** @typedef {{ data?: any, missedPackets: unknown[] }} Session */
/** @typedef {{ restoreSession: (pid: string, offset: string) => Promise<Session | null> | Session | null }} Adapter */
/**
 * @typedef {object} Namespace
 * @property {string} name
 * @property {Adapter} adapter
 * @property {(name: 'connection', listener: (socket: any) => void) => unknown} prependListener
 * @property {(name: 'connection', listener: (socket: any) => void) => unknown} removeListener
 * @property {((client: Client, auth: any) => Promise<Socket>)} [_createSocket] Not public.
 * @property {readonly Function[]} [_fns] Not public.
 */
/**
 * @typedef {object} Server
 * @property {Map<string, Namespace>} _nsps Not public.
 * @property {(name: 'new_namespace', listener: (nsp: any) => void) => unknown} on
 */

/**
 * @typedef {object} SocketOptions
 * @property {string} [requires] A permission that the token must list.
 * @property {import('../types.js').Behind} [behind] For handshakes, past the lag; left out: the guard's.
 * @property {(handshake: Handshake) => string | null | undefined} [token] Takes it from elsewhere.
 * @property {number} [staleGraceMs] How long a socket may stay stale; 30,000.
 * @property {boolean} [disconnectWhenBehind] Whether sockets end when the guard falls behind; they stay.
 * @property {any} [io] The server: needed where an adapter keeps sessions outside of this process.
 */

/**
 * `socket.data.auth`: the claims of the socket's token, and whether they are out of date.
 * @typedef {Claims & { stale: boolean }} SocketAuth
 */

export {};
