/**
 * What was accepted in the last seconds: so that a guard that learns of a revocation can say what it let pass
 * after it. It may not know how that is said.
 */

import { Concerned } from './concerned.js';
import { concerns } from './revocation.js';

/** Tokens whose uses are remembered. */
const TOKENS_MAX = 10_000;
/** Things that one token is remembered to have been used for. */
const THINGS_MAX = 16;
/** Moments of one thing. Where they run out, neighbours become one. */
const MOMENTS_MAX = 32;
/** How long a use is remembered, beyond the lag. */
const KEPT_MS = 10_000;
/** As much as is remembered, and said, of what a token was used for, in characters. */
export const WHAT_MAX = 200;
/** Between two sweeps that a full memory asks for. */
const SWEEP_APART_MS = 1_000;

/** @typedef {import('./types.js').Change} Change */
/** @typedef {import('./types.js').Claims} Claims */
/**
 * A token that was accepted too late: after `change`, at least so often. Times by uptime.
 * @typedef {{ claims: Claims, change: Change, what: string, count: number, firstAt: number, lastAt: number }} LateUse
 */
/** @typedef {{ first: number, last: number, count: number }} Moment */

export class Uses {
  /** @type {Map<string, Token>} */
  #tokens = new Map();
  /** @type {Concerned<Token>} */
  #concerned = new Concerned();
  #keptMs;
  #sweptAt = -Infinity;

  /** @param {number} maxLagMs */
  constructor(maxLagMs) {
    this.#keptMs = Math.max(maxLagMs, KEPT_MS) + KEPT_MS;
  }

  /**
   * A token was accepted for something. Answers whether there was room to remember it.
   * @param {Claims} claims
   * @param {string} what
   * @param {number} uptime
   */
  note(claims, what, uptime) {
    const token = this.#tokens.get(claims.jti) ?? this.#add(claims, uptime);
    return token?.note(what, uptime) ?? false;
  }

  /**
   * What these changes came too late for. A change of unknown age counts from `inSyncAt`, the last moment at
   * which everything was known. Each use is answered once.
   * @param {readonly Change[]} changes
   * @param {number} uptime
   * @param {number | null} inSyncAt
   * @param {number} [delayMs] How long they were under way.
   * @returns {LateUse[]}
   */
  late(changes, uptime, inSyncAt, delayMs = 0) {
    /** @type {Map<Token, Change>} */
    const found = new Map();
    for (const change of changes) {
      // Whose a token was that a retired key signed nobody knows: there is nobody to report it of.
      if (change.kind === 'signing_key_retired') continue;
      for (const token of this.#concerned.by(change)) {
        if (concerns(change, token.claims)) found.set(token, weightier(found.get(token), change));
      }
    }
    return [...found].flatMap(([token, change]) => {
      const since = change.age_ms === undefined ? (inSyncAt ?? 0) : uptime - change.age_ms - delayMs;
      return token.takeSince(since, change);
    });
  }

  /** Forgets what is too long ago. @param {number} uptime */
  sweep(uptime) {
    this.#sweptAt = uptime;
    for (const token of this.#tokens.values()) {
      if (token.keepSince(uptime - this.#keptMs)) continue;
      this.#tokens.delete(token.claims.jti);
      this.#concerned.remove(token);
    }
  }

  /** @param {Claims} claims @param {number} uptime */
  #add(claims, uptime) {
    if (this.#tokens.size >= TOKENS_MAX && uptime - this.#sweptAt >= SWEEP_APART_MS) this.sweep(uptime);
    if (this.#tokens.size >= TOKENS_MAX) return null;
    const token = new Token(claims);
    this.#tokens.set(claims.jti, token);
    this.#concerned.add(token);
    return token;
  }
}

class Token {
  /** What it was used for, and when. @type {Map<string, Moment[]>} */
  #things = new Map();

  /** @param {Claims} claims */
  constructor(claims) {
    this.claims = claims;
  }

  /** @param {string} what @param {number} uptime */
  note(what, uptime) {
    let moments = this.#things.get(what);
    if (!moments) {
      if (this.#things.size >= THINGS_MAX) return false;
      this.#things.set(what, (moments = []));
    }
    const last = moments.at(-1);
    // A millisecond is one moment.
    if (last && uptime - last.first < 1) {
      last.last = uptime;
      last.count += 1;
      return true;
    }
    if (moments.length >= MOMENTS_MAX) thin(moments);
    moments.push({ first: uptime, last: uptime, count: 1 });
    return true;
  }

  /** @param {number} since @param {Change} change @returns {LateUse[]} */
  takeSince(since, change) {
    const late = [];
    for (const [what, moments] of this.#things) {
      const from = moments.findIndex(({ first }) => first > since);
      const taken = from < 0 ? [] : moments.splice(from);
      const [begin, end] = [taken[0], taken.at(-1)];
      if (!begin || !end) continue;
      const count = taken.reduce((sum, moment) => sum + moment.count, 0);
      late.push({ claims: this.claims, change, what, count, firstAt: begin.first, lastAt: end.last });
    }
    return late;
  }

  /** Forgets what is older. Answers whether anything is left. @param {number} since */
  keepSince(since) {
    for (const [what, moments] of this.#things) {
      const from = moments.findIndex(({ last }) => last >= since);
      if (from < 0) this.#things.delete(what);
      else moments.splice(0, from);
    }
    return this.#things.size > 0;
  }
}

/** Two neighbours become one: the older, the coarser. @param {Moment[]} moments */
function thin(moments) {
  const whole = moments.splice(0);
  for (let at = 0; at < whole.length; at += 2) {
    const [one, other] = /** @type {[Moment, Moment | undefined]} */ ([whole[at], whole[at + 1]]);
    moments.push(other ? { first: one.first, last: other.last, count: one.count + other.count } : one);
  }
}

/** Of two changes that concern a token: an end, else the earlier. @param {Change | undefined} one @param {Change} other */
function weightier(one, other) {
  if (!one) return other;
  const [isEnd, isOtherEnd] = [endsTokens(one), endsTokens(other)];
  if (isEnd !== isOtherEnd) return isEnd ? one : other;
  return one.seq <= other.seq ? one : other;
}

/** @param {Change} change */
export function endsTokens({ kind }) {
  return kind === 'session_ended' || kind === 'user_ended' || kind === 'everybody_ended';
}
