/**
 * Tokens: when a fresh access token is needed, and how one is had. One refresh at a time, shared by the
 * tabs of a profile. It may not know what tokens are used for.
 *
 * A caller names the token that has to be replaced. Where another tab has replaced it already, that is
 * the answer and no request is made.
 */

import { readSignedIn, renewed } from './answers.js';
import { backoff } from './backoff.js';
import { SessionwireError } from './errors.js';
import { endedBecause } from './reasons.js';

/** A token this close to its end is not worth using; of one that lives seconds, a tenth of its life. */
const MARGIN_MS = 2_000;

/**
 * `gone`: the session that the token belonged to is over. `resting`: nobody is there.
 * @typedef {{ kind: 'done' | 'gone' | 'resting' } | { kind: 'failed', error: SessionwireError }} Renewal
 */

export class Tokens {
  #keeper;
  #api;
  #time;
  #turns;
  #allows;
  #holds;
  /** @type {{ generation: number, than: string, promise: Promise<Renewal> } | null} */
  #flight = null;
  /** @type {import('./time.js').Timer | undefined} */
  #timer;
  /** @type {import('./time.js').Timer | undefined} */
  #rightsTimer;
  /** The token for which `#dueAt` was drawn. */
  #dueFor = '';
  #dueAt = Infinity;
  #failures = 0;
  #closed = false;

  /**
   * @param {object} parts
   * @param {import('./keeper.js').Keeper} parts.keeper
   * @param {import('./http.js').Api} parts.api
   * @param {import('./time.js').Time} parts.time
   * @param {import('./turns.js').Turns} parts.turns
   * @param {(obtainedAt: number) => boolean} parts.allows Whether a token of this age may be refreshed silently.
   * @param {(accessToken: string) => Promise<boolean>} parts.holds Whether the key is here that this token is bound to.
   */
  constructor({ keeper, api, time, turns, allows, holds }) {
    this.#keeper = keeper;
    this.#api = api;
    this.#time = time;
    this.#turns = turns;
    this.#allows = allows;
    this.#holds = holds;
  }

  /** Whether there is a token that can be used now. */
  get usable() {
    const session = this.#keeper.session;
    if (!session) return false;
    const { obtainedAt, expiresAt } = session.grant;
    return expiresAt - this.#time.now() > Math.min(MARGIN_MS, (expiresAt - obtainedAt) / 10);
  }

  /**
   * A token other than this one.
   * @param {string} than
   * @param {{ silent: boolean }} how Silent: only while the person is there.
   * @returns {Promise<Renewal>}
   */
  async renew(than, { silent }) {
    const generation = this.#keeper.generation;
    for (;;) {
      const session = this.#keeper.session;
      if (this.#closed || !session || this.#keeper.generation !== generation) return { kind: 'gone' };
      if (session.grant.accessToken !== than && this.usable) return { kind: 'done' };
      if (silent && !this.#allows(session.grant.obtainedAt)) return { kind: 'resting' };
      const flight = this.#flight;
      if (!flight) return this.#fly(generation, than);
      if (flight.generation === generation && flight.than === than) return flight.promise;
      // One for another token is under way: what it brings may be all that is needed.
      await flight.promise;
    }
  }

  /** Plans the refresh ahead of the token's expiry; to be called whenever the session changes. */
  schedule() {
    this.#timer?.cancel();
    const session = this.#keeper.session;
    if (this.#closed || !session) {
      this.#rightsTimer?.cancel();
      this.#dueFor = '';
      this.#dueAt = Infinity;
      return;
    }
    const { accessToken, obtainedAt, expiresAt } = session.grant;
    if (this.#dueFor !== accessToken) {
      this.#dueFor = accessToken;
      this.#dueAt = Math.ceil(obtainedAt + (expiresAt - obtainedAt) * (0.75 + 0.15 * this.#time.random()));
      this.#failures = 0;
    }
    this.#timer = this.#time.after(() => this.check(), this.#dueAt - this.#time.now());
  }

  /**
   * The person's rights changed: a token that has seen this position is wanted, within this time.
   * @param {number} asOf
   * @param {number} withinMs
   */
  want(asOf, withinMs) {
    this.#rightsTimer?.cancel();
    this.#rightsTimer = this.#time.after(() => {
      const session = this.#keeper.session;
      if (!session || session.grant.asOf >= asOf) return;
      this.#dueAt = this.#time.now();
      this.check();
    }, withinMs * this.#time.random());
  }

  /** Refreshes if that is due and somebody is there. To be called when one of the two may have become so. */
  check() {
    const session = this.#keeper.session;
    if (this.#closed || !session) return;
    if (this.#time.now() < this.#dueAt) return this.schedule();
    void this.renew(session.grant.accessToken, { silent: true }).then((renewal) => {
      if (renewal.kind === 'failed') this.#later(renewal.error);
    });
  }

  close() {
    this.#closed = true;
    this.#turns.close();
    this.#timer?.cancel();
    this.#rightsTimer?.cancel();
  }

  /** @param {SessionwireError} error */
  #later(error) {
    this.#failures += 1;
    // Once the token is past use, the connection's own back-off asks again.
    if (this.#closed || !this.usable) return;
    const wait = Math.max(backoff(this.#failures, this.#time.random()), error.retryAfterMs ?? 1_000);
    this.#timer?.cancel();
    this.#timer = this.#time.after(() => this.check(), wait);
  }

  /**
   * @param {number} generation
   * @param {string} than
   * @returns {Promise<Renewal>}
   */
  #fly(generation, than) {
    const promise = this.#turns
      .take((alone) => this.#ask(generation, than, alone))
      .catch((cause) => /** @type {Renewal} */ ({ kind: 'failed', error: asError(cause) }))
      .finally(() => {
        if (this.#flight?.promise === promise) this.#flight = null;
      });
    this.#flight = { generation, than, promise };
    return promise;
  }

  /**
   * @param {number} generation
   * @param {string} than
   * @param {boolean} alone
   * @returns {Promise<Renewal>}
   */
  async #ask(generation, than, alone) {
    let settled = await this.#settled(generation, than);
    const rotated = this.#keeper.session?.grant;
    if (!settled && !alone && rotated && rotated.version > 0) {
      await this.#turns.keepOff(rotated.obtainedAt);
      settled = await this.#settled(generation, than);
    }
    const session = this.#keeper.session;
    if (settled || !session) return settled ?? { kind: 'gone' };
    const { refreshToken } = session.grant;
    const askedAt = this.#time.now();
    try {
      const { body } = await this.#api.refresh(session.grant);
      return await this.#take(generation, refreshToken, readSignedIn(body, askedAt));
    } catch (cause) {
      return this.#refused(generation, refreshToken, asError(cause));
    }
  }

  /**
   * What makes a request needless: another tab has made it, or the session is over.
   * @param {number} generation
   * @param {string} than
   * @returns {Promise<Renewal | null>}
   */
  async #settled(generation, than) {
    await this.#keeper.load();
    const session = this.#keeper.session;
    if (this.#closed || !session || this.#keeper.generation !== generation) return { kind: 'gone' };
    return session.grant.accessToken !== than && this.usable ? { kind: 'done' } : null;
  }

  /**
   * @param {number} generation
   * @param {string} refreshToken The one that was presented.
   * @param {import('./types.js').Kept} fresh
   * @returns {Promise<Renewal>}
   */
  async #take(generation, refreshToken, fresh) {
    await this.#keeper.load();
    if (this.#closed) return { kind: 'gone' };
    if (this.#keeper.session && fresh.id !== this.#keeper.session.id && this.#keeper.generation === generation) {
      // Only cookies can belong to another session than the one that is kept: another tab has signed in since.
      this.#keeper.end(endedBecause('token_invalid'), { byPerson: false });
      return { kind: 'gone' };
    }
    const present = this.#keeper.advance(generation, (kept) =>
      // Where another tab has rotated it meanwhile, what is kept is at least as new as this answer.
      kept.id === fresh.id && kept.grant.refreshToken === refreshToken ? renewed(kept, fresh) : kept,
    );
    // Whoever gets the lock next must find it.
    await this.#keeper.settled();
    return { kind: present ? 'done' : 'gone' };
  }

  /**
   * @param {number} generation
   * @param {string} refreshToken
   * @param {SessionwireError} error
   * @returns {Promise<Renewal>}
   */
  async #refused(generation, refreshToken, error) {
    if (error.status !== 401) return { kind: 'failed', error };
    await this.#keeper.load();
    const session = this.#keeper.session;
    if (!session || this.#keeper.generation !== generation) return { kind: 'gone' };
    if (error.code === 'refresh_token_invalid' && session.grant.refreshToken !== refreshToken) {
      return this.usable ? { kind: 'done' } : { kind: 'failed', error };
    }
    // It was not the key, and nothing was used up: a wrong clock, perhaps.
    if (error.code === 'invalid_dpop_proof' && (await this.#holds(session.grant.accessToken))) return { kind: 'failed', error };
    this.#keeper.end(endedBecause(endOf(error)), { byPerson: false });
    return { kind: 'gone' };
  }
}

/**
 * The reason that a refused refresh gives for the session's end.
 * @param {SessionwireError} error
 */
function endOf(error) {
  if (error.code === 'invalid_dpop_proof') return 'key_lost';
  if (error.code === 'session_ended' && typeof error.details.reason === 'string') return error.details.reason;
  return ['refresh_token_reused', 'insufficient_user_authentication'].includes(error.code) ? error.code : 'token_invalid';
}

/** @param {unknown} cause */
function asError(cause) {
  return cause instanceof SessionwireError ? cause : new SessionwireError('internal', 'The refresh failed.', { cause });
}
