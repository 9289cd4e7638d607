/**
 * Tokens of other issuers that the server takes as they are: what it said about them, and one question at a time
 * about each. It may not know what follows from an answer.
 *
 * Anybody can invent such tokens. Only those that say one of the issuers that the application named are asked
 * about; what the server refuses is remembered for a moment, and costs a share of a bounded rate.
 */

import { LeastRecent } from './cache.js';
import { TOKEN_LENGTH_MAX } from './keys.js';

/** How long an answer is good for: the session has to be seen in use, and entries of the index are kept for longer. */
const GOOD_FOR_MAX_MS = 5 * 60_000;
const GOOD_FOR_MIN_MS = 10_000;
/** How long a refusal is. */
const REFUSED_FOR_MS = 5_000;
/** Refusals that are remembered. */
const REFUSED_MAX = 1_000;
/** Questions at once, those that are asked or wait for their turn, and how long they wait. */
const AT_ONCE = 50;
const UNDER_WAY_MAX = 1_000;
const TURN_MS = 2_000;
/** Refusals that are asked for at once, and in a second. */
const BURST = 1_000;
const RATE = 100;
/** The most by which the server may let a token live on, in seconds: its setting's upper bound. */
const LEEWAY_MAX_S = 300;

const utf8 = new TextDecoder('utf-8', { fatal: true });
const THREE_PARTS = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/;

/** What a foreign token stands for, and until when, by uptime, nobody needs to ask again. @typedef {{ claims: import('./types.js').Claims, goodUntil: number }} Attached */
/** `inactive`: the server does not take it. `null`: it does not say, or must not be asked. @typedef {Attached | 'inactive' | null} Asked */

/**
 * @typedef {object} Parts
 * @property {import('./settings.js').Settings} settings
 * @property {import('./introspector.js').Introspector} introspector
 * @property {import('./metrics.js').Counts} counts
 */

export class Foreign {
  #parts;
  #issuers;
  /** @type {LeastRecent<Attached>} */
  #attached;
  /** Until when, by uptime, each stays refused. @type {LeastRecent<number>} */
  #refused = new LeastRecent(REFUSED_MAX);
  /** @type {Map<string, Promise<Asked>>} */
  #underWay = new Map();
  #asking = 0;
  /** @type {Set<() => void>} */
  #waiting = new Set();
  #allowance = { left: BURST, at: 0 };

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#issuers = new Set(parts.settings.issuers);
    this.#attached = new LeastRecent(parts.settings.cacheSize);
  }

  /** Whether a token is known for one of another issuer, or says that it is. @param {string} token @param {string} name */
  isOne(token, name) {
    if (this.#issuers.size === 0) return false;
    return this.#attached.get(name) !== undefined || this.#issuers.has(hintOf(token)?.iss ?? '');
  }

  /** What the server said last. @param {string} name */
  attached(name) {
    return this.#attached.get(name) ?? null;
  }

  /** Why a token that nothing good is known of is refused without a question. @param {string} token @param {string} name */
  refusal(token, name) {
    const { clock } = this.#parts.settings;
    if ((this.#refused.get(name) ?? -Infinity) > clock.uptime()) return this.refused(token);
    return this.#isOver(token, LEEWAY_MAX_S) ? 'token_expired' : null;
  }

  /** What a client hears whose token the server does not take. It does not say why; that its time is over shows by itself. @param {string} token */
  refused(token) {
    return this.#isOver(token, 0) ? 'token_expired' : 'token_invalid';
  }

  /**
   * Asks about a token. Who asks while somebody else does shares the answer: what happened since that question is
   * for the index to tell. Who has no index that can is `alone`. Never rejects.
   * @param {string} token
   * @param {string} name
   * @param {boolean} alone
   * @returns {Promise<Asked>}
   */
  async ask(token, name, alone) {
    const underWay = alone ? undefined : this.#underWay.get(name);
    if (underWay) return underWay;
    if (this.#left() < 1 || this.#asking + this.#waiting.size >= UNDER_WAY_MAX) return null;
    const asking = this.#ask(token, name);
    if (alone) return asking;
    this.#underWay.set(name, asking);
    return asking.finally(() => this.#underWay.delete(name));
  }

  /** @param {string} token @param {string} name @returns {Promise<Asked>} */
  async #ask(token, name) {
    const { introspector, counts, settings } = this.#parts;
    const said = (await this.#turn()) ? await introspector.claimsOf(token, settings).finally(() => this.#leave()) : null;
    counts.add(said === null ? 'unanswered' : said === 'inactive' ? 'inactive' : 'active');
    if (said === null) return null;
    const uptime = settings.clock.uptime();
    if (said === 'inactive') {
      this.#allowance = { left: this.#left() - 1, at: uptime };
      this.#refused.put(name, uptime + REFUSED_FOR_MS);
      return said;
    }
    // Asked about again at half its time, a session that is used does not run out.
    const half = (said.exp * 1000 - settings.clock.now()) / 2;
    const goodFor = Math.min(Math.max(half, GOOD_FOR_MIN_MS), GOOD_FOR_MAX_MS);
    const attached = { claims: said, goodUntil: uptime + goodFor };
    this.#attached.put(name, attached);
    return attached;
  }

  /** Waits for a place, and answers whether there was one in time. @returns {Promise<boolean>} */
  #turn() {
    if (this.#asking < AT_ONCE) {
      this.#asking += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const go = () => {
        timer.cancel();
        resolve(true);
      };
      const timer = this.#parts.settings.clock.after(() => {
        this.#waiting.delete(go);
        resolve(false);
      }, TURN_MS);
      this.#waiting.add(go);
    });
  }

  /** The place is the next one's. */
  #leave() {
    const [next] = this.#waiting;
    if (!next) this.#asking -= 1;
    else this.#waiting.delete(next) && next();
  }

  /** How many refusals may still be asked for. */
  #left() {
    const uptime = this.#parts.settings.clock.uptime();
    const { left, at } = this.#allowance;
    this.#allowance = { left: Math.min(left + ((uptime - at) / 1000) * RATE, BURST), at: uptime };
    return this.#allowance.left;
  }

  /** @param {string} token @param {number} sinceS */
  #isOver(token, sinceS) {
    const exp = hintOf(token)?.exp;
    return typeof exp === 'number' && exp <= Math.floor(this.#parts.settings.clock.now() / 1000) - sinceS;
  }
}

/**
 * What a token says about itself before anybody has opened it: a hint whom to ask, and no more than that.
 * @param {string} token
 * @returns {{ iss: string, exp?: unknown } | null}
 */
export function hintOf(token) {
  const body = token.length > TOKEN_LENGTH_MAX ? undefined : THREE_PARTS.exec(token)?.[1];
  if (body === undefined) return null;
  try {
    const said = JSON.parse(utf8.decode(Buffer.from(body, 'base64url')));
    return typeof said?.iss === 'string' ? { iss: said.iss, exp: said.exp } : null;
  } catch {
    return null;
  }
}
