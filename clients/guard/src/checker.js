/**
 * One token, one verdict, in the contract's order: invalid, expired, ended, stale, undecidable, forbidden. It
 * may not know where tokens come from.
 *
 * A token that was seen before is judged at once, without a promise: a service may check ten thousand in a
 * second.
 */

import { AttachedChecker } from './attached.js';
import { Cache, fingerprint } from './cache.js';
import { GuardError } from './errors.js';
import { Foreign } from './foreign.js';
import { TOKEN_LENGTH_MAX } from './keys.js';
import { only } from './settings.js';
import { WHAT_MAX } from './uses.js';

/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {import('./types.js').Route} Route */

/**
 * @typedef {object} Parts
 * @property {import('./settings.js').Settings} settings
 * @property {import('./following.js').Following} following
 * @property {import('./key-store.js').KeyStore} store
 * @property {import('./uses.js').Uses} uses
 * @property {import('./fences.js').Fences} fences
 * @property {import('./introspector.js').Introspector} introspector
 * @property {import('./metrics.js').Counts} counts
 */

/** @type {Route} */
const ANY = Object.freeze({});
const ROUTE_NAMES = ['requires', 'behind', 'what'];
/** What a check is for, where nobody says it. */
const SOMETHING = 'a check';

export class Checker {
  #parts;
  #cache;
  #foreign;
  #attached;
  /** Tokens whose signature is being checked. @type {Map<string, Promise<Claims>>} */
  #verifying = new Map();

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#cache = new Cache(parts.settings.cacheSize);
    this.#foreign = new Foreign(parts);
    this.#attached = new AttachedChecker({
      ...parts,
      foreign: this.#foreign,
      behind: this.#behind.bind(this),
      accepted: this.#accepted.bind(this),
      permitted: this.#permitted.bind(this),
    });
  }

  /** The keys are others now. @param {import('./keys.js').KeySet} keys */
  keysChanged(keys) {
    this.#cache.keep(keys);
  }

  /**
   * The claims, or a promise of them where something has to be waited for; throws or rejects with a
   * `GuardError`.
   * @param {string | null | undefined} token
   * @param {Route} [route]
   * @returns {Claims | Promise<Claims>}
   */
  decide(token, route = ANY) {
    for (const name in route) if (!ROUTE_NAMES.includes(name)) only(route, ROUTE_NAMES, 'a check');
    let said;
    try {
      said = this.#look(token, route);
    } catch (error) {
      throw this.#counted(error);
    }
    if (!(said instanceof Promise)) {
      this.#parts.counts.add('good');
      return said;
    }
    return said.then(
      (claims) => {
        this.#parts.counts.add('good');
        return claims;
      },
      (error) => Promise.reject(this.#counted(error)),
    );
  }

  /** @param {unknown} error */
  #counted(error) {
    if (error instanceof GuardError) this.#parts.counts.add(error.code);
    return error;
  }

  /** @param {string | null | undefined} token @param {Route} route */
  #look(token, route) {
    if (token === null || token === undefined) throw new GuardError('token_missing');
    if (typeof token !== 'string' || token.length > TOKEN_LENGTH_MAX) throw new GuardError('token_invalid');
    const name = fingerprint(token);
    const genuine = this.#cache.get(name);
    if (!genuine && this.#foreign.isOne(token, name)) return this.#attached.look(token, name, route);
    this.#parts.counts.add(genuine ? 'cache_hits' : 'cache_misses');
    if (genuine) return this.#judge(token, genuine.claims, route);
    return this.#verified(token, name).then((claims) => this.#judge(token, claims, route));
  }

  /** @param {string} token @param {string} name */
  #verified(token, name) {
    let verifying = this.#verifying.get(name);
    if (!verifying) {
      verifying = this.#verify(token, name).finally(() => this.#verifying.delete(name));
      this.#verifying.set(name, verifying);
    }
    return verifying;
  }

  /** @param {string} token @param {string} name @returns {Promise<Claims>} */
  async #verify(token, name) {
    const { store, settings } = this.#parts;
    let hasAsked = false;
    for (;;) {
      const { keys } = store;
      if (!keys) throw new GuardError('cannot_decide');
      const finding = await keys.verify(token, settings);
      if (finding.kind === 'forged') throw new GuardError('token_invalid');
      if (finding.kind === 'unknown_key') {
        // A key that could not be fetched may be a good one.
        if (hasAsked) throw new GuardError(store.isFailing ? 'cannot_decide' : 'token_invalid');
        hasAsked = true;
        await store.ask();
        continue;
      }
      // Its key may have vanished meanwhile.
      if (!store.keys?.holds(finding.key)) continue;
      this.#cache.put(name, finding);
      return finding.claims;
    }
  }

  /**
   * @param {string} token
   * @param {Claims} claims
   * @param {Route} route
   * @returns {Claims | Promise<Claims>}
   */
  #judge(token, claims, route) {
    const { settings } = this.#parts;
    // Clocks cost as much as everything else here: each is read once.
    const moment = { uptime: settings.clock.uptime(), now: settings.clock.now() };
    this.#holds(claims, moment.now);
    const behind = this.#behind(route, moment);
    if (behind === 'introspect') return this.#ask(token, claims, route);
    if (behind === 'refuse') throw new GuardError('cannot_decide');
    return this.#accepted(claims, route, moment);
  }

  /** What is to happen since too little is known; null where it is enough. @param {Route} route @param {import('./following.js').Moment} moment */
  #behind(route, moment) {
    const { settings, following } = this.#parts;
    if (following.isFresh(moment)) return null;
    const behind = route.behind ?? settings.behind;
    // To accept what nobody ever vouched for has to be said for the very route.
    const isKnown = following.index !== null || route.behind === 'accept';
    return behind === 'accept' && !isKnown ? 'refuse' : behind;
  }

  /** By the clock and by what is known. @param {Claims} claims @param {number} now */
  #holds(claims, now) {
    const { settings, following } = this.#parts;
    const verdict = following.index?.verdict(claims);
    if (verdict?.kind === 'invalid') throw new GuardError('token_invalid');
    if (claims.exp + settings.leewayS <= Math.floor(now / 1000)) throw new GuardError('token_expired');
    if (verdict?.kind === 'ended') throw new GuardError('session_ended', verdict.reason);
    if (verdict?.kind === 'stale') throw new GuardError('token_stale');
  }

  /** @param {string} token @param {Claims} claims @param {Route} route */
  async #ask(token, claims, route) {
    const { introspector, counts, settings } = this.#parts;
    const isActive = await introspector.isActive(token);
    counts.add(isActive === null ? 'unanswered' : isActive ? 'active' : 'inactive');
    // What came meanwhile goes before an answer that was given before it.
    const now = settings.clock.now();
    this.#holds(claims, now);
    if (isActive === null) throw new GuardError('cannot_decide');
    // The server does not say why; whoever refreshes learns it.
    if (!isActive) throw new GuardError('token_stale');
    this.#permitted(claims, route, now);
    return claims;
  }

  /** By what is known here, which may be too little: the use is remembered. @param {Claims} claims @param {Route} route @param {import('./following.js').Moment} moment */
  #accepted(claims, route, { uptime, now }) {
    const { uses, counts } = this.#parts;
    this.#permitted(claims, route, now);
    const { what = SOMETHING } = route;
    const isNoted = uses.note(claims, what.length > WHAT_MAX ? what.slice(0, WHAT_MAX) : what, uptime);
    if (!isNoted) counts.add('uses_unremembered');
    return claims;
  }

  /** @param {Claims} claims @param {Route} route @param {number} now */
  #permitted(claims, route, now) {
    if (route.requires !== undefined && !claims.permissions.includes(route.requires)) throw new GuardError('forbidden');
    this.#parts.fences.raise(claims, now / 1000);
  }
}
