/**
 * The socket: drives the connection's state machine with what really carries messages, and real timers. At
 * most one connection at a time. It may not know what is stored, nor what an application hears.
 */

import { backoff } from './backoff.js';
import { Carrier } from './carrier.js';
import { hasSocket, OFF, shown, step, timersIn, UNRESPONSIVE } from './machine.js';
import { Roads } from './roads.js';
import { openStream } from './stream.js';
import { openWebSocket } from './websocket.js';

/** @typedef {import('./machine.js').Input} Input */
/** @typedef {import('./machine.js').Effect} Effect */
/** @typedef {import('./machine.js').TimerName} TimerName */

/**
 * @typedef {object} Surroundings
 * @property {() => { token: string, expiresAt: number } | null} token The present access token.
 * @property {() => boolean} usable
 * @property {(than: string) => Promise<import('./tokens.js').Renewal>} renew
 * @property {(message: import('./messages.js').Message) => void} message
 * @property {(code: number, reason: string) => void} over The server says that the session is over.
 * @property {(report: import('./types.js').Report) => void} report
 * @property {() => void} changed What `shown` says may have changed.
 */

/**
 * @typedef {object} Ways How messages may come.
 * @property {import('./types.js').SocketClass | undefined} SocketClass
 * @property {typeof globalThis.fetch} fetch
 * @property {string} socketAddress
 * @property {string} streamAddress
 * @property {boolean} cookies The request carries the token by itself.
 * @property {boolean} bound It carries what the token is bound to.
 * @property {import('./proofs.js').Proofs | null} proofs
 */

export class Link {
  #time;
  #ways;
  #roads;
  #around;
  #state = OFF;
  /** @type {Carrier | null} */
  #carrier = null;
  /** @type {number | null} The `id` of the last message of this session that had one. */
  #heard = null;
  /** @type {Map<TimerName, import('./time.js').Timer>} */
  #timers = new Map();
  /** @type {Input[]} */
  #inputs = [];
  #busy = false;
  /** The token that the server knows of this socket. */
  #told = { token: '', expiresAt: 0 };
  /** Grows with each start and stop, so that what was asked before is not taken for an answer after. */
  #run = 0;

  /**
   * @param {object} parts
   * @param {import('./time.js').Time} parts.time
   * @param {Ways} parts.ways
   * @param {boolean} parts.online
   * @param {Surroundings} parts.around
   */
  constructor({ time, ways, online, around }) {
    this.#time = time;
    this.#ways = ways;
    this.#roads = new Roads(time, ways.SocketClass !== undefined);
    this.#around = around;
    this.#state = { ...OFF, online };
  }

  get shown() {
    return shown(this.#state);
  }

  /** What brings the messages; null where nothing does now. */
  get transport() {
    return this.#state.phase === 'live' ? (this.#carrier?.transport ?? null) : null;
  }

  start() {
    this.#run += 1;
    this.#heard = null;
    this.#feed({ type: 'start', usable: this.#around.usable() });
  }

  stop() {
    this.#run += 1;
    this.#feed({ type: 'stop' });
  }

  /** There is a new token. */
  token() {
    this.#feed({ type: 'token' });
  }

  /** The person is there. */
  person() {
    this.#feed({ type: 'person' });
  }

  woke() {
    this.#feed({ type: 'wake', usable: this.#around.usable() });
  }

  online() {
    this.#roads.changed();
    this.#feed({ type: 'online' });
  }

  offline() {
    this.#feed({ type: 'offline' });
  }

  /**
   * @param {import('./messages.js').Said} message
   * @returns {boolean} Whether it went out.
   */
  say(message) {
    return this.#state.phase === 'live' && (this.#carrier?.say(message) ?? false);
  }

  /** @param {Input} input */
  #feed(input) {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) this.#step(next);
    } finally {
      this.#busy = false;
    }
    this.#around.changed();
  }

  /** @param {Input} input */
  #step(input) {
    const { state, effects } = step(this.#state, input);
    this.#state = state;
    const dead = input.type === 'timer' && (input.name === 'pong' || input.name === 'welcome');
    if (!hasSocket(state)) this.#drop(dead);
    const allowed = timersIn(state);
    for (const name of [...this.#timers.keys()]) if (!allowed.includes(name)) this.#cancel(name);
    for (const effect of effects) this.#act(effect);
  }

  /** @param {Effect} effect */
  #act(effect) {
    switch (effect.do) {
      case 'open':
        return this.#open();
      case 'refresh':
        return this.#refresh();
      case 'ping':
        return void this.#carrier?.say({ type: 'ping' });
      case 'tell_token':
        return this.#tellToken();
      case 'timer':
        return this.#after(effect.name, effect.ms);
      case 'backoff':
        return this.#after('retry', Math.max(backoff(effect.attempt, this.#time.random()), effect.atLeastMs));
      case 'end':
        return this.#around.over(effect.code, effect.reason);
      case 'report':
        return this.#around.report({
          code: effect.reason || `close_${effect.code}`,
          message: `The server closed the socket with ${effect.code} and bade this client stay out.`,
        });
    }
  }

  #open() {
    this.#drop();
    const token = this.#around.token();
    if (!token) return this.#feed({ type: 'closed', code: UNRESPONSIVE, reason: '' });
    this.#told = token;
    this.#carrier = new Carrier({
      time: this.#time,
      roads: this.#roads,
      open: (transport, secret, on) => this.#lane(transport, secret, on),
      on: {
        message: (message) => this.#receive(message),
        beat: () => this.#feed({ type: 'heard' }),
        over: (code, reason) => this.#feed({ type: 'closed', code, reason }),
        failed: (error) => this.#around.report({ code: 'socket_failed', message: String(error) }),
      },
    });
    this.#carrier.start(token.token);
  }

  /** @type {import('./carrier.js').Open} */
  #lane(transport, token, on) {
    const { SocketClass, fetch, socketAddress, streamAddress, cookies, bound, proofs } = this.#ways;
    if (transport === 'websocket' && SocketClass) {
      const auth = async () => ({ type: 'auth', token, ...(proofs && (await proofs.inMessage('GET', socketAddress, token))) });
      return openWebSocket({ SocketClass, address: socketAddress, auth: cookies ? null : auth, on });
    }
    return openStream({ fetch, address: streamAddress, token: cookies ? null : token, proofs, bound, heard: this.#heard, on });
  }

  /**
   * Lets go of the connection at once, whether or not the other side still answers.
   * @param {boolean} [dead] It does not answer, so there is nobody to close it with.
   */
  #drop(dead = false) {
    const carrier = this.#carrier;
    this.#carrier = null;
    carrier?.close(dead);
  }

  #refresh() {
    const run = this.#run;
    const than = this.#state.stale ? this.#told.token : (this.#around.token()?.token ?? '');
    void this.#around.renew(than).then((renewal) => {
      if (run !== this.#run) return;
      if (renewal.kind === 'done') return this.#feed({ type: 'token' });
      if (renewal.kind === 'gone') return;
      const waitMs = renewal.kind === 'failed' ? (renewal.error.retryAfterMs ?? 0) : 0;
      this.#feed({ type: 'refresh_failed', resting: renewal.kind === 'resting', waitMs });
    });
  }

  #tellToken() {
    // An open socket can't be given a cookie: the server closes it when its token runs out, and it comes back.
    if (this.#ways.cookies && this.transport === 'websocket') return;
    const token = this.#around.token();
    // The server refuses one that runs out before the one it has.
    if (!token || token.token === this.#told.token || token.expiresAt <= this.#told.expiresAt) return;
    if (this.#carrier?.say({ type: 'token.refresh', token: token.token })) this.#told = token;
  }

  /** @param {import('./messages.js').Message | null} message */
  #receive(message) {
    if (message === null) {
      return this.#around.report({ code: 'bad_message', message: 'A message of the server could not be read.' });
    }
    if ('id' in message) this.#heard = message.id;
    this.#feed({ type: 'heard' });
    switch (message.type) {
      case 'welcome':
        // The present rights first: whoever hears `live` may look at them.
        this.#around.message(message);
        return this.#feed({ type: 'welcome', heartbeatMs: message.heartbeatMs });
      case 'reconnect':
        return this.#feed(message);
      default:
        return this.#around.message(message);
    }
  }

  /**
   * @param {TimerName} name
   * @param {number} ms
   */
  #after(name, ms) {
    this.#cancel(name);
    const timer = this.#time.after(() => {
      this.#timers.delete(name);
      this.#feed({ type: 'timer', name, usable: this.#around.usable() });
    }, ms);
    this.#timers.set(name, timer);
  }

  /** @param {TimerName} name */
  #cancel(name) {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }
}
