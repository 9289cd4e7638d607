/**
 * Fencing: of two live sessions of a user only the later may write. It may not know what is written.
 */

import { GuardError } from './errors.js';

/** Users whose fences are remembered. */
const USERS_MAX = 1_000_000;

/** @typedef {import('./types.js').Claims} Claims */

/** One user's fence. */
export class Fenced {
  #fences;
  #user;

  /** @param {Fences} fences @param {string} user */
  constructor(fences, user) {
    this.#fences = fences;
    this.#user = user;
  }

  /** The highest fence of the user that was accepted; 0 where none was. */
  get fence() {
    return this.#fences.of(this.#user);
  }

  /**
   * Lets a write of this session pass, unless a later session of the user was seen; then, and for claims of
   * another user, it throws a `GuardError` with the code `fenced`.
   * @param {Claims} claims
   */
  admit(claims) {
    if (claims.sub !== this.#user || claims.fence < this.fence) throw this.#fences.refused();
    this.#fences.raise(claims);
  }
}

export class Fences {
  /** @type {Map<string, { fence: number, seenAt: number }>} */
  #users = new Map();
  /** The longest that any token lived, in seconds: so long an older session may still come. */
  #lifeS = 0;
  #clock;
  #leewayS;
  #counts;

  /**
   * @param {{ clock: import('./time.js').Clock, leewayS: number }} settings
   * @param {import('./metrics.js').Counts} counts
   */
  constructor({ clock, leewayS }, counts) {
    this.#counts = counts;
    this.#clock = clock;
    this.#leewayS = leewayS;
  }

  /** @param {string} user */
  of(user) {
    return this.#users.get(user)?.fence ?? 0;
  }

  refused() {
    this.#counts.add('fenced');
    return new GuardError('fenced');
  }

  /** A token was accepted. @param {Claims} claims @param {number} [now] Seconds since the Unix epoch. */
  raise({ sub, fence, exp, iat }, now = this.#clock.now() / 1000) {
    if (exp - iat > this.#lifeS) this.#lifeS = exp - iat;
    const there = this.#users.get(sub);
    if (there) {
      if (fence > there.fence) there.fence = fence;
      there.seenAt = now;
      return;
    }
    if (this.#users.size >= USERS_MAX) this.sweep();
    if (this.#users.size < USERS_MAX) this.#users.set(sub, { fence, seenAt: now });
  }

  /** Forgets users of whose older sessions no token can live. */
  sweep() {
    const before = this.#clock.now() / 1000 - this.#lifeS - this.#leewayS;
    for (const [user, { seenAt }] of this.#users) if (seenAt < before) this.#users.delete(user);
  }
}
