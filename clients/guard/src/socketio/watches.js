/**
 * All watched sockets: finds those that a change concerns, and ends those whose time is over. It may not know
 * how a socket comes in.
 */

import { Concerned } from '../concerned.js';
import { closeCodeOf } from '../reasons.js';

/** So many refresh at once; of more, each has a share of the time. As the server does it. */
const REFRESH_AT_ONCE = 50;
const REFRESH_SHARE_MS = 2;

/** @typedef {import('../types.js').Change} Change */
/** @typedef {import('../types.js').Claims} Claims */
/** @typedef {import('../types.js').Verdict} Verdict */
/** @typedef {import('./types.js').Client} Client */
/** @typedef {import('./watch.js').Watch} Watch */

export class Watches {
  /** @type {Concerned<Watch>} */
  #concerned = new Concerned();
  /** @type {Map<Client, Set<Watch>>} */
  #byClient = new Map();
  /** @type {Map<Client, () => void>} */
  #closers = new Map();
  #parts;

  /** @param {{ verdict: (claims: Claims) => Verdict | null, staleGraceMs: number, counts: import('../metrics.js').Counts }} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  get size() {
    return this.#concerned.size;
  }

  /** @param {Watch} watch */
  add(watch) {
    const { client, nsp } = watch.socket;
    for (const other of this.#byClient.get(client) ?? []) {
      // A handshake that a later middleware refused leaves nothing but the next one to tell of it.
      if (other.socket.nsp === nsp && !other.socket.connected) this.remove(other);
    }
    const siblings = this.#byClient.get(client) ?? this.#known(client);
    siblings.add(watch);
    this.#concerned.add(watch);
  }

  /** @param {Watch} watch */
  has(watch) {
    return this.#byClient.get(watch.socket.client)?.has(watch) ?? false;
  }

  /** @param {Watch} watch */
  remove(watch) {
    const { client } = watch.socket;
    watch.end();
    this.#concerned.remove(watch);
    const siblings = this.#byClient.get(client);
    siblings?.delete(watch);
    if (siblings?.size !== 0) return;
    this.#byClient.delete(client);
    client.conn.removeListener('close', this.#closers.get(client) ?? (() => {}));
    this.#closers.delete(client);
  }

  clear() {
    for (const watch of this.#concerned.all()) this.remove(watch);
  }

  /** @param {Watch} watch @param {Claims} claims */
  replace(watch, claims) {
    this.#concerned.remove(watch);
    watch.claims = claims;
    this.#concerned.add(watch);
  }

  /** @param {readonly Change[]} changes */
  changed(changes) {
    this.judge(new Set(changes.flatMap((change) => this.#concerned.by(change))));
  }

  judgeAll() {
    this.judge(this.#concerned.all());
  }

  /**
   * Looks anew whether their tokens hold. All are told before any is disconnected: sockets of a client share
   * its connection.
   * @param {Iterable<Watch>} watches
   */
  judge(watches) {
    const invalid = [];
    const ended = [];
    const stale = [];
    for (const watch of watches) {
      const verdict = this.#parts.verdict(watch.claims);
      if (verdict?.kind === 'invalid') invalid.push(watch);
      if (verdict?.kind === 'ended') ended.push({ watch, verdict });
      // Who is not open yet is told once he is.
      if (verdict?.kind === 'stale' && watch.socket.connected) stale.push({ watch, verdict });
    }
    for (const watch of invalid) this.shut(watch, 4500, 'token_invalid');
    for (const { watch, verdict } of ended) this.#tellEnded(watch, verdict);
    for (const { watch } of ended) this.#disconnect(watch);
    const within = this.#refreshWithin(stale.length);
    for (const { watch, verdict } of stale) watch.tellStale(verdict.seq, within);
  }

  /**
   * Ends a socket so that its client comes back by itself, with another token or later.
   * @param {Watch} watch
   * @param {number} code
   * @param {string} reason
   */
  hangUp(watch, code, reason) {
    const { client } = watch.socket;
    for (const other of [...(this.#byClient.get(client) ?? [])]) {
      if (other.claims.sid !== watch.claims.sid) continue;
      other.tellClose(code, reason);
      this.remove(other);
    }
    cut(client);
  }

  /** Ends a socket so that its client stays out. @param {Watch} watch @param {number} code @param {string} reason */
  shut(watch, code, reason) {
    watch.tellClose(code, reason);
    this.#disconnect(watch);
  }

  /** @param {number} code @param {string} reason */
  hangUpAll(code, reason) {
    for (const watch of this.#concerned.all()) if (this.has(watch)) this.hangUp(watch, code, reason);
  }

  /** @param {Watch} watch @param {Verdict} verdict */
  #tellEnded(watch, { seq, reason }) {
    this.#parts.counts.add('sockets_ended');
    watch.tellEnded(seq, reason);
    watch.tellClose(closeCodeOf(reason), reason);
  }

  /** @param {Watch} watch */
  #disconnect(watch) {
    const { socket } = watch;
    const siblings = [...(this.#byClient.get(socket.client) ?? [])];
    this.remove(watch);
    const isAlone = siblings.every((other) => other.claims.sid === watch.claims.sid);
    // Not open yet: no packet reaches it, and the next handshake says why.
    if (!socket.connected) cut(socket.client);
    else socket.disconnect(isAlone);
  }

  /** @param {number} sockets */
  #refreshWithin(sockets) {
    return sockets <= REFRESH_AT_ONCE ? 0 : Math.min(sockets * REFRESH_SHARE_MS, this.#parts.staleGraceMs / 2);
  }

  /** @param {Client} client */
  #known(client) {
    /** @type {Set<Watch>} */
    const siblings = new Set();
    const closed = () => {
      for (const watch of [...siblings]) this.remove(watch);
    };
    client.conn.once('close', closed);
    this.#closers.set(client, closed);
    this.#byClient.set(client, siblings);
    return siblings;
  }
}

/**
 * Closes the connection after what was written to it, without the packet that keeps clients out. A client's
 * own `close` lets its sockets go at once, whether or not the other side still answers.
 * @param {Client} client
 */
function cut(client) {
  if (typeof client.close === 'function') client.close();
  else client.conn.close();
}
