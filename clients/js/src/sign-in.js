/**
 * Signing in: the server's answers at the limit as typed results, and what happens to an answer that
 * comes too late. It may not know what a sign-in starts.
 */

import { readSignedIn } from './answers.js';
import { closedError, isSessionwireError, SessionwireError } from './errors.js';

/** @typedef {import('./types.js').SignInResult} SignInResult */
/** @typedef {import('./types.js').Decided} Decided */
/** @typedef {{ attempt: number, signedOut: number }} Ticket What was so when it was asked. */

/** How long after a question's end its answer is still asked for. */
const AFTERTHOUGHT_MS = 10_000;

export class SignIn {
  #keeper;
  #api;
  #time;
  #device;
  #cookies;
  #proofs;
  /** Grows with each sign-in and sign-out here: the last one counts. */
  #attempt = 0;
  /** @type {Set<Ticket>} Those whose answer is awaited. */
  #entering = new Set();
  /** @type {(() => void) | null} Cancels the open question. */
  #cancelPending = null;
  #closed = false;

  /**
   * @param {object} parts
   * @param {import('./keeper.js').Keeper} parts.keeper
   * @param {import('./http.js').Api} parts.api
   * @param {import('./time.js').Time} parts.time
   * @param {() => Promise<import('./types.js').Device>} parts.device
   * @param {boolean} parts.cookies
   * @param {import('./proofs.js').Proofs | null} parts.proofs
   */
  constructor({ keeper, api, time, device, cookies, proofs }) {
    this.#keeper = keeper;
    this.#api = api;
    this.#time = time;
    this.#device = device;
    this.#cookies = cookies;
    this.#proofs = proofs;
  }

  /**
   * @param {import('./types.js').SignInOptions} options
   * @returns {Promise<SignInResult>}
   */
  async signIn(options) {
    const ticket = this.#begin();
    const { id, name, platform } = await this.#device();
    const who = { device: { id, name, platform }, remember_me: options.rememberMe ?? false };
    if ('ask' in options) {
      if (this.#cookies) throw new SessionwireError('not_with_cookies', 'Only the server itself can put the tokens in cookies.');
      if (this.#proofs) throw new SessionwireError('not_with_dpop', 'Only a sign-in at the server itself can bind the tokens to a key.');
      return this.#enter(ticket, () => this.#api.through((signal) => options.ask(who, signal)));
    }
    if ('token' in options) {
      return this.#enter(ticket, () => this.#api.enter('/v1/sign-in/token', { token: options.token, ...who }, { anew: true }));
    }
    const { username, password } = options;
    return this.#enter(ticket, () => this.#api.enter('/v1/sign-in', { username, password, ...who }, { anew: true }));
  }

  /** What is under way no longer counts. */
  forget() {
    this.#attempt += 1;
    this.#cancelPending?.();
  }

  close() {
    this.#closed = true;
    this.forget();
  }

  /** @returns {Ticket} */
  #begin() {
    if (this.#closed) throw closedError();
    this.forget();
    return { attempt: this.#attempt, signedOut: this.#keeper.signedOut };
  }

  /**
   * @param {Ticket} ticket
   * @param {() => Promise<import('./http.js').Answer>} ask
   * @returns {Promise<SignInResult>}
   */
  async #enter(ticket, ask) {
    const askedAt = this.#time.now();
    this.#entering.add(ticket);
    try {
      const answer = await ask();
      if (answer.status === 202) return this.#pending(ticket, answer.body);
      return await this.#accept(ticket, answer.body, askedAt);
    } catch (error) {
      if (isSessionwireError(error, 'session_limit_reached')) return this.#refused(error);
      throw error;
    } finally {
      this.#entering.delete(ticket);
    }
  }

  /**
   * @param {Ticket} ticket
   * @param {unknown} body
   * @param {number} askedAt
   * @returns {Promise<import('./types.js').SignedIn>}
   */
  async #accept(ticket, body, askedAt) {
    const session = readSignedIn(body, askedAt);
    if (this.#proofs && !(await this.#proofs.holds(session.grant.accessToken))) {
      this.#discard(session);
      throw new SessionwireError('not_bound', 'The tokens are not bound to the key of this client, so they are not used.');
    }
    // A sign-out in another tab may not have been heard of yet.
    await this.#keeper.load();
    if (!this.#counts(ticket)) {
      // The cookies of another that is under way would be signed out in its place.
      const alone = [...this.#entering].every((other) => other === ticket);
      if (!this.#cookies || alone) this.#discard(session);
      if (this.#closed) throw closedError();
      throw new SessionwireError('sign_in_discarded', 'The sign-in was overtaken by a sign-out or another sign-in.');
    }
    const before = this.#keeper.session;
    this.#keeper.begin(session);
    // The same person's session on this device was replaced by the server; another's was not. Where the tokens
    // are in cookies the new ones have taken their place, and a sign-out would be the new session's.
    if (before && before.grant.user.id !== session.grant.user.id && !this.#cookies) this.#discard(before);
    await this.#keeper.settled();
    return Object.freeze({ outcome: 'signed_in', user: session.grant.user, device: session.device });
  }

  /**
   * @param {Ticket} ticket
   */
  #counts(ticket) {
    return !this.#closed && ticket.attempt === this.#attempt && ticket.signedOut === this.#keeper.signedOut;
  }

  /**
   * Ends a session that nobody will use. Best effort: it would run out anyway.
   * @param {import('./types.js').Kept} session
   */
  #discard(session) {
    this.#api.post('/v1/sign-out', { token: session.grant.accessToken, lasting: true }).catch(() => {});
  }

  /**
   * @param {SessionwireError} error
   * @returns {import('./types.js').Refused}
   */
  #refused(error) {
    const sessions = Object.freeze(seats(error.details.sessions));
    const token = error.details.takeover_token;
    if (typeof token !== 'string') return Object.freeze({ outcome: 'refused', sessions });
    const takeOver = async () =>
      this.#enter(this.#begin(), () => this.#api.enter('/v1/sign-in/takeover', { takeover_token: token }));
    return Object.freeze({ outcome: 'refused', sessions, takeOver });
  }

  /**
   * @param {Ticket} ticket
   * @param {any} body
   * @returns {SignInResult}
   */
  #pending(ticket, body) {
    const { request_token: token, expires_at: expiresAt, poll_after_ms: pollMs } = body;
    if (typeof token !== 'string') throw new SessionwireError('bad_answer', 'The answer has no request token.');
    const question = { token, pollMs: Math.max(Number(pollMs) || 1_000, 100), until: this.#time.now() + waitFor(expiresAt, this.#time.now()) };
    const { promise: cancelled, resolve } = withResolver();
    const cancel = () => {
      if (this.#cancelPending !== cancel) return;
      this.#cancelPending = null;
      if (ticket.attempt === this.#attempt) this.#attempt += 1;
      resolve();
    };
    if (this.#counts(ticket)) this.#cancelPending = cancel;
    else resolve();
    const decided = this.#decide(ticket, question, cancelled).finally(() => {
      if (this.#cancelPending === cancel) this.#cancelPending = null;
    });
    // Whoever only looks at `pending` has not left an error unhandled.
    decided.catch(() => {});
    return Object.freeze({ outcome: 'pending', expiresAt: String(expiresAt), decided, cancel });
  }

  /**
   * @param {Ticket} ticket
   * @param {{ token: string, pollMs: number, until: number }} question
   * @param {Promise<void>} cancelled
   * @returns {Promise<Decided>}
   */
  async #decide(ticket, question, cancelled) {
    for (;;) {
      await this.#pause(question.pollMs, cancelled);
      if (!this.#counts(ticket)) return Object.freeze({ outcome: 'cancelled' });
      const asked = this.#ask(ticket, question);
      const decided = await Promise.race([asked, cancelled.then(() => 'cancelled')]);
      if (decided === 'cancelled') return Object.freeze({ outcome: 'cancelled' });
      if (decided) return /** @type {Decided} */ (decided);
    }
  }

  /**
   * @param {Ticket} ticket
   * @param {{ token: string, until: number }} question
   * @returns {Promise<Decided | null>} Null: not yet.
   */
  async #ask(ticket, { token, until }) {
    const askedAt = this.#time.now();
    try {
      const { status, body } = await this.#api.enter('/v1/sign-in/requests', { request_token: token });
      return status === 202 ? null : await this.#accept(ticket, body, askedAt);
    } catch (error) {
      if (isSessionwireError(error, 'takeover_denied')) return Object.freeze({ outcome: 'denied' });
      if (isSessionwireError(error, 'takeover_expired')) return this.#refused(error);
      if (isSessionwireError(error, 'sign_in_discarded')) return Object.freeze({ outcome: 'cancelled' });
      const passing = error instanceof SessionwireError && (error.status === 0 || error.status === 429 || error.status >= 500);
      if (passing && askedAt < until) return null;
      throw error;
    }
  }

  /**
   * @param {number} ms
   * @param {Promise<void>} cancelled
   */
  async #pause(ms, cancelled) {
    const { promise: over, resolve } = withResolver();
    const timer = this.#time.after(resolve, ms);
    await Promise.race([over, cancelled]);
    timer.cancel();
  }
}

/** @param {unknown} list */
function seats(list) {
  return Array.isArray(list)
    ? list.map((seat) =>
        Object.freeze({
          deviceName: String(seat?.device_name ?? ''),
          platform: String(seat?.platform ?? 'other'),
          lastActiveAt: String(seat?.last_active_at ?? ''),
        }),
      )
    : [];
}

/**
 * @param {unknown} expiresAt By the server's clock.
 * @param {number} now
 */
function waitFor(expiresAt, now) {
  const left = Date.parse(String(expiresAt)) - now;
  return Math.min(Math.max(Number.isFinite(left) ? left : 0, 0), 600_000) + AFTERTHOUGHT_MS;
}

/** @returns {{ promise: Promise<void>, resolve: () => void }} */
function withResolver() {
  /** @type {() => void} */
  let resolve = () => {};
  const promise = new Promise((/** @type {(value: void) => void} */ done) => (resolve = () => done()));
  return { promise, resolve };
}
