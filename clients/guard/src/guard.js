/**
 * The guard of a service: follows a server's feed, keeps its keys fresh, checks tokens in memory. It only
 * wires the parts; frameworks are in files of their own.
 *
 * Read `checker.js` first (one token, one verdict; `attached.js` for those of other issuers), then `following.js` (what it is decided by, and how old
 * that is), then what keeps it so: `follower.js`, `connection.js`, `key-store.js`, `reports.js`.
 */

import { Checker } from './checker.js';
import { Emitter } from './emitter.js';
import { expressGuard } from './express.js';
import { fastifyGuard } from './fastify.js';
import { Fenced, Fences } from './fences.js';
import { Follower } from './follower.js';
import { Following } from './following.js';
import { Http } from './http.js';
import { Introspector } from './introspector.js';
import { KeyStore } from './key-store.js';
import { koaGuard } from './koa.js';
import { Counts, metricsText } from './metrics.js';
import { Reports } from './reports.js';
import { readOptions } from './settings.js';
import { Gate } from './socketio/gate.js';
import { Uses } from './uses.js';

/** How often is forgotten what matters to no living token. */
const SWEEP_MS = 30_000;

/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {import('./types.js').Events} Events */
/** @typedef {import('./types.js').Route} Route */

export class Guard {
  /** Resolves once keys and a whole index are there; rejects where the guard is closed before. @type {Promise<void>} */
  ready;
  #settings;
  #http;
  #following;
  #store;
  #fences;
  #uses;
  #checker;
  #reports;
  #follower;
  #counts = new Counts();
  /** @type {Emitter<Events>} */
  #emitter = new Emitter();
  #readiness;
  #isInSync = false;
  #isClosed = false;
  /** What was complained of since the last time in sync. @type {Set<string>} */
  #warned = new Set();
  /** @type {Map<string, { cancel(): void }>} */
  #timers = new Map();
  /** @type {Gate[]} */
  #gates = [];

  /** @param {import('./types.js').Options} options */
  constructor(options) {
    const settings = readOptions(options);
    const { clock } = settings;
    const counts = this.#counts;
    const http = settings.http ?? new Http(settings);
    this.#settings = settings;
    this.#http = http;
    this.#readiness = withResolvers();
    this.ready = this.#readiness.promise;
    this.ready.catch(() => {});
    const following = (this.#following = new Following(settings));
    const store = (this.#store = new KeyStore({
      http,
      clock,
      counts,
      fetched: (keys) => {
        this.#checker.keysChanged(keys);
        this.#lookIfReady();
      },
      failed: (message) => this.#complain('keys', `the keys could not be fetched: ${message}`),
    }));
    const uses = (this.#uses = new Uses(settings.maxFeedLagMs));
    const fences = (this.#fences = new Fences(settings, counts));
    const introspector = new Introspector(http);
    this.#checker = new Checker({ settings, following, store, uses, fences, introspector, counts });
    this.#reports = new Reports({ http, clock, counts });
    const parts = {
      http,
      clock,
      following,
      counts,
      taken: this.#taken.bind(this),
      known: (/** @type {string | null} */ reader) => this.#reports.known(reader),
    };
    this.#follower = new Follower(parts, ({ cause, message }) => this.#cut(cause, message));
    void store.follow();
    void this.#follower.follow();
    this.#later('sweep', SWEEP_MS, () => this.#sweep());
  }

  /** Up to where in the server's log everything is known; null where nothing is yet. */
  get position() {
    return this.#following.position;
  }

  /** How old the guard's knowledge is, in milliseconds. */
  get lagMs() {
    return this.#following.lagMs;
  }

  /** Whether it is young enough to decide by. */
  get isInSync() {
    return this.#following.isFresh();
  }

  /**
   * Whether a token is good for a route: its claims, or a `GuardError`. In memory, but for four cases: a
   * token that was not seen before has its signature checked, one that names an unknown key waits for the
   * keys to be fetched, past the lag `introspect` asks the server, and so does a token of another issuer that
   * was not seen before, or whose rights have changed.
   * @param {string | null | undefined} token
   * @param {Route} [route]
   * @returns {Promise<Claims>}
   */
  async check(token, route) {
    return this.#checker.decide(token, route);
  }

  /**
   * As `check`, but answers at once where nothing has to be waited for: the claims themselves, not a promise
   * of them. Then it throws where `check` rejects.
   * @param {string | null | undefined} token
   * @param {Route} [route]
   * @returns {Claims | Promise<Claims>}
   */
  decide(token, route) {
    return this.#checker.decide(token, route);
  }

  /**
   * What is known at this moment about a token that was checked before: null where it holds.
   * @param {Claims} claims
   */
  verdict(claims) {
    return this.#following.index?.verdict(claims) ?? null;
  }

  /** A user's fence, for a write path. @param {string} userId */
  fenced(userId) {
    return new Fenced(this.#fences, userId);
  }

  /** Middleware of Express: the claims are `req.auth`. @param {import('./express.js').ExpressOptions} [options] */
  express(options = {}) {
    return expressGuard(this, options);
  }

  /** Middleware of Koa: the claims are `ctx.state.auth`. @param {import('./koa.js').KoaOptions} [options] */
  koa(options = {}) {
    return koaGuard(this, options);
  }

  /** A plugin of Fastify: the claims are `request.auth`. @param {import('./fastify.js').FastifyOptions} [options] */
  fastify(options = {}) {
    return fastifyGuard(this, options);
  }

  /**
   * Middleware of a Socket.IO server, for any number of its namespaces: the claims are `socket.data.auth`.
   * @param {import('./socketio/types.js').SocketOptions} [options]
   */
  socketio(options = {}) {
    const { clock, leewayS } = this.#settings;
    const gate = new Gate({ guard: this, clock, leewayS, counts: this.#counts }, options);
    this.#gates.push(gate);
    return gate.middleware;
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(event: Events[Name]) => void} listener
   * @returns {() => void} Takes the listener away again.
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(event: Events[Name]) => void} listener
   */
  off(name, listener) {
    this.#emitter.off(name, listener);
  }

  /** The metrics in Prometheus' text format. */
  metrics() {
    return metricsText(this.#counts, {
      position: this.position ?? 0,
      feed_lag_seconds: Math.round(this.lagMs) / 1000,
      index_entries: this.#following.index?.size ?? 0,
      fresh: Number(this.isInSync),
      sockets: this.#gates.reduce((sum, { size }) => sum + size, 0),
    });
  }

  /** Stops following and leaves no connection and no timer. From then on the guard falls behind. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const gate of this.#gates) gate.close();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#follower.close();
    this.#store.close();
    this.#reports.close();
    this.#http.close();
    this.#readiness.reject(new Error('The guard was closed before it was ready.'));
    this.#emitter.clear();
  }

  /** @param {import('./feed-state.js').Taken} taken @param {number | null} inSyncAt Before it. */
  #taken(taken, inSyncAt) {
    const seq = this.position ?? 0;
    if (taken.kind === 'forgot') this.#counts.add('feed_resets');
    if (taken.kind === 'begun') {
      this.#emitter.emit('snapshot', { seq });
      this.#lookIfReady();
    }
    if (taken.kind === 'moved' && taken.changes.length > 0) {
      const late = this.#uses.late(taken.changes, this.#settings.clock.uptime(), inSyncAt, this.#following.delayMs);
      if (late.length > 0) this.#reports.add(late);
      // Another key signs from now on.
      if (taken.changes.some(({ kind }) => kind === 'signing_key_retired')) this.#store.askAnew();
      this.#emitter.emit('change', { seq, changes: taken.changes });
    }
    this.#lookIfInSync();
  }

  #lookIfReady() {
    if (this.#store.keys && this.#following.index) this.#readiness.resolve();
  }

  #lookIfInSync() {
    const { lagMs } = this.#following;
    const isFresh = this.#following.isFresh();
    if (isFresh && !this.#isInSync) {
      this.#isInSync = true;
      this.#warned.clear();
      this.#emitter.emit('insync', { seq: this.position ?? 0 });
    } else if (!isFresh && this.#isInSync) {
      this.#isInSync = false;
      this.#http.forgetIdle();
      this.#emitter.emit('lag', { lagMs });
    }
    if (this.#isInSync) this.#later('lag', this.#settings.maxFeedLagMs - lagMs + 1, () => this.#lookIfInSync());
  }

  /** @param {string} cause @param {string} message */
  #cut(cause, message) {
    if (cause === 'gap' || cause === 'unreadable' || cause === 'too_large') this.#counts.add(cause);
    this.#complain(cause, `the feed is cut: ${message}`);
  }

  /** Where nobody listens, the process is warned, once for each cause. @param {string} code @param {string} message */
  #complain(code, message) {
    if (this.#isClosed || this.#emitter.emit('error', { code, message }) || this.#warned.has(code)) return;
    this.#warned.add(code);
    process.emitWarning(message, { type: 'SessionwireGuard', code });
  }

  #sweep() {
    const { clock, leewayS } = this.#settings;
    this.#uses.sweep(clock.uptime());
    this.#fences.sweep();
    const sweeping = this.#following.index?.sweep(clock.now() / 1000 - leewayS);
    const step = () => {
      const isDone = this.#isClosed || (sweeping?.next().done ?? true);
      this.#later('sweep', isDone ? SWEEP_MS : 1, isDone ? () => this.#sweep() : step);
    };
    step();
  }

  /** One timer of each name. @param {string} name @param {number} ms @param {() => void} callback */
  #later(name, ms, callback) {
    this.#timers.get(name)?.cancel();
    if (!this.#isClosed) this.#timers.set(name, this.#settings.clock.after(callback, ms));
  }
}

/** Node before 22 has no `Promise.withResolvers`. */
function withResolvers() {
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
