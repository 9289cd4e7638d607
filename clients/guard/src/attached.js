/**
 * One token of another issuer, one verdict: by the claims that it stands for at the server, and by the index, as
 * about the server's own tokens. It may not know how the server is asked.
 *
 * Such a token can't be refreshed here. Where its rights have changed it is not refused but asked about again: the
 * answer has the rights of the moment. An answer is judged after it came, by all that was applied until then, so it
 * does not matter which of the two was first.
 */

import { GuardError } from './errors.js';

/** Questions for one check: rights may change while the first is answered, and not for ever. */
const QUESTIONS_MAX = 3;

/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {import('./types.js').Route} Route */
/** @typedef {import('./following.js').Moment} Moment */

/**
 * @typedef {object} Parts
 * @property {import('./settings.js').Settings} settings
 * @property {import('./following.js').Following} following
 * @property {import('./foreign.js').Foreign} foreign
 * @property {import('./metrics.js').Counts} counts
 * @property {(route: Route, moment: Moment) => import('./types.js').Behind | null} behind
 * @property {(claims: Claims, route: Route, moment: Moment) => Claims} accepted
 * @property {(claims: Claims, route: Route, now: number) => void} permitted
 */

export class AttachedChecker {
  #parts;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * At once where memory tells.
   * @param {string} token
   * @param {string} name
   * @param {Route} route
   * @returns {Claims | Promise<Claims>}
   */
  look(token, name, route) {
    const attached = this.#parts.foreign.attached(name);
    this.#parts.counts.add(attached ? 'cache_hits' : 'cache_misses');
    const claims = attached ? this.#judge(attached, false, route) : this.#unseen(token, name, route);
    return claims ?? this.#ask(token, name, route);
  }

  /** @param {string} token @param {string} name @param {Route} route */
  async #ask(token, name, route) {
    const { foreign } = this.#parts;
    for (let asked = 0; asked < QUESTIONS_MAX; asked += 1) {
      const alone = this.#parts.behind(route, this.#moment()) === 'introspect';
      const answer = await foreign.ask(token, name, alone);
      if (answer === null) break;
      if (answer === 'inactive') throw new GuardError(foreign.refused(token));
      const claims = this.#judge(answer, true, route);
      if (claims) return claims;
    }
    throw new GuardError('cannot_decide');
  }

  /**
   * Null where the server has to be asked.
   * @param {import('./foreign.js').Attached} attached
   * @param {boolean} wasAsked Just now.
   * @param {Route} route
   */
  #judge({ claims, goodUntil }, wasAsked, route) {
    const { settings, following, behind: behindOf, accepted, permitted } = this.#parts;
    const moment = this.#moment();
    if (claims.exp + settings.leewayS <= Math.floor(moment.now / 1000)) throw new GuardError('token_expired');
    const verdict = following.index?.verdict(claims);
    if (verdict?.kind === 'ended') throw new GuardError('session_ended', verdict.reason);
    const behind = behindOf(route, moment);
    if (behind === 'refuse') throw new GuardError('cannot_decide');
    if (verdict) return null;
    if (behind === 'introspect') {
      if (!wasAsked) return null;
      permitted(claims, route, moment.now);
      return claims;
    }
    const isOld = behind === null && goodUntil <= moment.uptime;
    return isOld && !wasAsked ? null : accepted(claims, route, moment);
  }

  /** @param {string} token @param {string} name @param {Route} route @returns {null} */
  #unseen(token, name, route) {
    const refusal = this.#parts.foreign.refusal(token, name);
    if (refusal) throw new GuardError(refusal);
    if (this.#parts.behind(route, this.#moment()) === 'refuse') throw new GuardError('cannot_decide');
    return null;
  }

  /** @returns {Moment} */
  #moment() {
    const { clock } = this.#parts.settings;
    return { uptime: clock.uptime(), now: clock.now() };
  }
}
