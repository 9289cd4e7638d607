/**
 * How a socket comes in: its handshake, its rooms, and the watch over it from then on. It may not know what
 * becomes of it later.
 */

import { tokenOf } from '../bearer.js';
import { GuardError } from '../errors.js';
import { number, only, readRoute } from '../settings.js';
import { Restoring } from './restore.js';
import { Watch } from './watch.js';
import { Watches } from './watches.js';

const NAMES = ['requires', 'behind', 'token', 'staleGraceMs', 'disconnectWhenBehind', 'io'];
const STALE_GRACE_MS = 30_000;
const STALE_GRACE_MAX_MS = 3_600_000;

/** Each end that a client comes back from: its code and its counter. */
const OVER = /** @type {const} */ ({
  token_expired: { code: 4001, counter: 'sockets_expired' },
  token_stale: { code: 4001, counter: 'sockets_stale' },
  token_invalid: { code: 4500, counter: 'sockets_foreign' },
});

/** @typedef {import('../types.js').Claims} Claims */
/** @typedef {import('./types.js').Handshake} Handshake */
/** @typedef {import('./types.js').Namespace} Namespace */
/** @typedef {import('./types.js').Socket} Socket */

/**
 * @typedef {object} Parts
 * @property {import('../guard.js').Guard} guard
 * @property {import('../time.js').Clock} clock
 * @property {import('../metrics.js').Counts} counts
 * @property {number} leewayS
 */

export class Gate {
  #guard;
  #counts;
  #options;
  #watches;
  #watchParts;
  #restoring;
  #isClosed = false;
  /** @type {Set<Namespace>} */
  #namespaces = new Set();
  /** Those that came through the middleware. @type {WeakSet<Namespace>} */
  #guarded = new WeakSet();
  /** @type {WeakMap<Socket, Watch>} */
  #admitted = new WeakMap();
  /** @type {(() => void)[]} */
  #offs;

  /** @param {Parts} parts @param {import('./types.js').SocketOptions} options */
  constructor({ guard, clock, counts, leewayS }, options) {
    only(options, NAMES, 'guard.socketio');
    const { requires, behind } = options;
    readRoute({ requires, behind });
    const staleGraceMs = number(options.staleGraceMs ?? STALE_GRACE_MS, 'staleGraceMs', 0, STALE_GRACE_MAX_MS);
    this.#guard = guard;
    this.#counts = counts;
    this.#options = options;
    const verdict = (/** @type {Claims} */ claims) => guard.verdict(claims);
    this.#watches = new Watches({ verdict, staleGraceMs, counts });
    this.#watchParts = {
      clock,
      leewayS,
      staleGraceMs,
      check: (/** @type {any} */ token) => guard.check(token, this.#route('socket.io token.refresh')),
      replace: this.#watches.replace.bind(this.#watches),
      judge: (/** @type {Watch} */ watch) => this.#watches.judge([watch]),
      over: this.#over.bind(this),
      gone: (/** @type {Watch} */ watch) => this.#watches.remove(watch),
    };
    this.#restoring = new Restoring({
      isGuarded: (nsp) => this.#isGuarded(nsp),
      check: (client, auth, nsp) => this.#checkRestore(client, auth, nsp),
      holds: (claims) => guard.verdict(claims) === null,
      admit: (socket, claims) => this.#watch(socket, claims),
    });
    this.#offs = [
      guard.on('change', ({ changes }) => this.#watches.changed(changes)),
      guard.on('snapshot', () => this.#watches.judgeAll()),
      guard.on('lag', () => this.#behind()),
    ];
    if (options.io) this.#hookServer(options.io);
  }

  get size() {
    return this.#watches.size;
  }

  close() {
    this.#isClosed = true;
    for (const off of this.#offs) off();
    for (const nsp of this.#namespaces) nsp.removeListener('connection', this.#connected);
    this.#watches.clear();
  }

  /** @param {any} socket @param {(error?: any) => void} next */
  middleware = (socket, next) => {
    const { nsp, handshake, client } = /** @type {Socket} */ (socket);
    this.#guarded.add(nsp);
    this.#hook(nsp);
    const refused = (/** @type {unknown} */ error) => next(error instanceof GuardError ? refusalOf(error) : error);
    const accepted = (/** @type {Claims} */ claims) => {
      this.#watch(socket, claims);
      const joined = socket.join([`user:${claims.sub}`, `device:${claims.device_id}`, `session:${claims.sid}`]);
      if (joined) joined.then(() => next(), next);
      else next();
    };
    let said;
    try {
      const { auth, headers } = handshake;
      said = this.#decide({ auth, headers, rawHeaders: client.request.rawHeaders }, nsp);
    } catch (error) {
      return void refused(error);
    }
    if (said instanceof Promise) said.then(accepted, refused);
    else accepted(said);
  };

  /** @param {Handshake} handshake @param {Namespace} nsp */
  #decide(handshake, nsp) {
    const { token: source = inHandshake } = this.#options;
    return this.#guard.decide(tokenOf(handshake, source), this.#route(`socket.io ${nsp.name}`));
  }

  /** @param {string} what */
  #route(what) {
    const { requires, behind } = this.#options;
    return { what, ...(requires && { requires }), ...(behind && { behind }) };
  }

  /** The socket is watched from here on, in the same breath as its token was judged. @param {Socket} socket @param {Claims} claims */
  #watch(socket, claims) {
    const watch = new Watch(socket, claims, this.#watchParts);
    this.#admitted.set(socket, watch);
    // Who has left already never says so again.
    if (!this.#isClosed && socket.conn.readyState !== 'closed') this.#watches.add(watch);
  }

  /** @type {(socket: any) => void} */
  #connected = (socket) => {
    const watch = this.#admitted.get(socket);
    if (!watch || this.#isClosed) return;
    if (!this.#watches.has(watch)) this.#watches.add(watch);
    watch.begin();
    // After the application's own listeners: a socket that ends inside them would end unseen.
    if (this.#guard.verdict(watch.claims)) queueMicrotask(() => this.#watches.judge([watch]));
  };

  /** @param {Watch} watch @param {keyof typeof OVER} reason */
  #over(watch, reason) {
    const { code, counter } = OVER[reason];
    this.#counts.add(counter);
    if (code >= 4500) this.#watches.shut(watch, code, reason);
    else this.#watches.hangUp(watch, code, reason);
  }

  #behind() {
    if (!this.#options.disconnectWhenBehind) return;
    this.#counts.add('sockets_behind', this.#watches.size);
    this.#watches.hangUpAll(4005, 'cannot_decide');
  }

  /** Whatever speaks against it, the middleware says it again. @param {import('./types.js').Client} client @param {any} auth @param {Namespace} nsp */
  async #checkRestore({ request }, auth, nsp) {
    try {
      return await this.#decide({ auth, headers: request.headers, rawHeaders: request.rawHeaders }, nsp);
    } catch {
      return null;
    }
  }

  /** @param {Namespace} nsp */
  #isGuarded(nsp) {
    return this.#guarded.has(nsp) || (nsp._fns?.includes(this.middleware) ?? true);
  }

  /** @param {import('./types.js').Server} io */
  #hookServer(io) {
    for (const nsp of io._nsps?.values() ?? []) this.#hook(nsp);
    io.on('new_namespace', (/** @type {Namespace} */ nsp) => this.#hook(nsp));
  }

  /** @param {Namespace} nsp */
  #hook(nsp) {
    this.#restoring.guardAdapter(nsp);
    if (this.#namespaces.has(nsp)) return;
    this.#namespaces.add(nsp);
    // Before the application's listeners: they find the socket watched.
    nsp.prependListener('connection', this.#connected);
    this.#restoring.guard(nsp);
  }
}

/** @param {Handshake} handshake */
function inHandshake({ auth, headers, rawHeaders }) {
  const token = auth?.token;
  if (token !== undefined && token !== null) return token;
  return tokenOf({ headers, ...(rawHeaders && { rawHeaders }) });
}

/** As Socket.IO hands it to the client: CONNECT_ERROR with `data`. @param {GuardError} error */
function refusalOf({ message, code, reason }) {
  return Object.assign(new Error(message), { data: { code, ...(reason && { reason }) } });
}
