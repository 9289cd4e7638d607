/**
 * One socket and the token that it is open by: tells its client what happens to it, and when its time is over.
 * It may not know of other sockets, nor how a token is judged.
 */

import { GuardError } from '../errors.js';
import { sentenceOf } from '../reasons.js';

/** So long before its end a token is said to run out. */
const EXPIRING_MS = 60_000;

/** @typedef {import('../types.js').Claims} Claims */
/** @typedef {import('./types.js').Socket} Socket */

/**
 * @typedef {object} Parts
 * @property {import('../time.js').Clock} clock
 * @property {number} leewayS
 * @property {number} staleGraceMs
 * @property {(token: unknown) => Promise<Claims>} check
 * @property {(watch: Watch, claims: Claims) => void} replace Puts other claims in the place of the watch's.
 * @property {(watch: Watch) => void} judge Looks anew whether its token holds.
 * @property {(watch: Watch, reason: 'token_expired' | 'token_stale' | 'token_invalid') => void} over
 * @property {(watch: Watch) => void} gone
 */

export class Watch {
  #parts;
  #isRefreshing = false;
  #isExpiryTold = false;
  /** By uptime. @type {number | null} */
  #staleUntil = null;
  /** @type {{ cancel(): void } | null} */
  #timer = null;

  /**
   * @param {Socket} socket
   * @param {Claims} claims
   * @param {Parts} parts
   */
  constructor(socket, claims, parts) {
    this.socket = socket;
    this.claims = claims;
    this.#parts = parts;
    // Not the claims themselves: those are frozen, and other requests have them too.
    socket.data.auth = { ...claims, stale: false };
  }

  /** The socket is open. */
  begin() {
    this.socket.on('token.refresh', this.#refresh);
    this.socket.on('disconnect', this.#gone);
    this.#schedule();
  }

  /** Nothing is to be watched any more. */
  end() {
    this.#timer?.cancel();
    this.socket.off('token.refresh', this.#refresh);
    this.socket.off('disconnect', this.#gone);
  }

  /** Its session has ended. @param {number} seq @param {string} reason */
  tellEnded(seq, reason) {
    const { sid } = this.claims;
    this.socket.emit('session.revoked', { id: seq, session_id: sid, reason, message: sentenceOf(reason) });
  }

  /** @param {number} code @param {string} reason */
  tellClose(code, reason) {
    this.socket.emit('close', { code, reason });
  }

  /** Its rights are out of date. @param {number} seq @param {number} refreshWithinMs */
  tellStale(seq, refreshWithinMs) {
    this.socket.data.auth.stale = true;
    this.#staleUntil ??= this.#parts.clock.uptime() + this.#parts.staleGraceMs;
    this.socket.emit('permissions.changed', { id: seq, as_of: seq, action: 'refresh', refresh_within_ms: refreshWithinMs });
    this.#schedule();
  }

  /** @type {(...args: any[]) => void} */
  #refresh = async (...args) => {
    const ack = typeof args.at(-1) === 'function' ? args.pop() : null;
    try {
      const claims = await this.#checked(args[0]?.token);
      if (!this.socket.connected) return;
      if (claims.sid !== this.claims.sid) return this.#parts.over(this, 'token_invalid');
      this.#renew(claims);
      this.#answer(ack, 'token.refreshed', { as_of: claims.as_of, token_expires_at: timeOf(claims.exp) });
    } catch (error) {
      const { code, reason, message } = error instanceof GuardError ? error : new GuardError('cannot_decide');
      this.#answer(ack, 'error', { code, message, ...(reason && { reason }) });
      if (code === 'session_ended') this.#parts.judge(this);
    }
  };

  /** One at a time: whoever sends more gets no more signatures checked. @param {unknown} token */
  async #checked(token) {
    if (this.#isRefreshing) throw new GuardError('cannot_decide');
    this.#isRefreshing = true;
    try {
      return await this.#parts.check(token);
    } finally {
      this.#isRefreshing = false;
    }
  }

  /** @param {Claims} claims */
  #renew(claims) {
    this.#parts.replace(this, claims);
    this.#staleUntil = null;
    this.#isExpiryTold = false;
    // In place: the application may have kept the object.
    Object.assign(this.socket.data.auth, claims, { stale: false });
    this.#schedule();
  }

  /** @param {Function | null} ack @param {'token.refreshed' | 'error'} event @param {object} body */
  #answer(ack, event, body) {
    if (ack) ack({ ok: event === 'token.refreshed', ...body });
    else this.socket.emit(event, body);
  }

  #gone = () => this.#parts.gone(this);

  #schedule() {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(() => this.#look(), Math.max(this.#nextMs(), 0));
  }

  #nextMs() {
    const expiry = this.#expiryMs();
    const stale = this.#staleUntil === null ? Infinity : this.#staleUntil - this.#parts.clock.uptime();
    return Math.min(stale, this.#isExpiryTold ? expiry : expiry - EXPIRING_MS);
  }

  /** How long the token still lives. */
  #expiryMs() {
    return (this.claims.exp + this.#parts.leewayS) * 1000 - this.#parts.clock.now();
  }

  #look() {
    if (this.#expiryMs() <= 0) return this.#parts.over(this, 'token_expired');
    if (this.#staleUntil !== null && this.#parts.clock.uptime() >= this.#staleUntil) return this.#parts.over(this, 'token_stale');
    if (!this.#isExpiryTold && this.#expiryMs() <= EXPIRING_MS) {
      this.#isExpiryTold = true;
      this.socket.emit('token.expiring', { expires_at: timeOf(this.claims.exp) });
    }
    this.#schedule();
  }
}

/** @param {number} seconds Since the Unix epoch. */
function timeOf(seconds) {
  return new Date(seconds * 1000).toISOString();
}
