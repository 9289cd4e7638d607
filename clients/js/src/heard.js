/**
 * What is heard through the socket, and what becomes of it: new rights are kept, questions and notices
 * passed on, an end ends. It may not know sockets, nor how anything is stored.
 */

import { endedBecause } from './reasons.js';

/** @typedef {import('./types.js').Rights} Rights */
/** @typedef {import('./messages.js').Message} Message */

/** How many receipts at once, and how many a second after that: fewer than the server takes for a flood. */
const ACKS = { burst: 20, aSecond: 2 };

export class Heard {
  #keeper;
  #tokens;
  #time;
  #say;
  #emitter;
  #acks = { left: ACKS.burst, at: 0 };

  /**
   * @param {object} parts
   * @param {import('./keeper.js').Keeper} parts.keeper
   * @param {import('./tokens.js').Tokens} parts.tokens
   * @param {import('./time.js').Time} parts.time
   * @param {(message: import('./messages.js').Said) => boolean} parts.say
   * @param {import('./emitter.js').Emitter<import('./types.js').Events>} parts.emitter
   */
  constructor({ keeper, tokens, time, say, emitter }) {
    this.#keeper = keeper;
    this.#tokens = tokens;
    this.#time = time;
    this.#say = say;
    this.#emitter = emitter;
  }

  /** @param {Message} message */
  hear(message) {
    switch (message.type) {
      case 'welcome':
        if (message.sessionId !== this.#keeper.session?.id) return undefined;
        return this.#learn(message.asOf, () => ({ groups: message.groups, permissions: message.permissions, by: null }));
      case 'permissions.changed':
        this.#learn(message.asOf, ({ groups, permissions }) => ({
          groups: changed(groups, message.added, message.removed),
          permissions: changed(permissions, message.gained, message.lost),
          by: message.by,
        }));
        this.#tokens.want(message.asOf, message.withinMs);
        return this.#ack(message.id);
      case 'session.revoked':
        if (message.sessionId !== this.#keeper.session?.id) return undefined;
        this.#ack(message.id);
        return this.#keeper.end(endedBecause(message.reason, message), { byPerson: false });
      case 'session.takeover_requested':
        this.#ask(message);
        return this.#ack(message.id);
      case 'notice':
        this.#emitter.emit('notice', message.notice);
        return this.#ack(message.id);
      case 'session.expiring':
        return this.#emitter.emit('sessionexpiring', message.expiring);
      case 'error':
        return this.#emitter.emit('error', { code: message.code, message: message.message });
      case 'token.expiring':
        // Acting on it at once would never end where tokens live a minute; the plan decides.
        return this.#tokens.check();
      default:
        return undefined;
    }
  }

  /**
   * @param {number} asOf
   * @param {(rights: Rights) => Omit<Rights, 'asOf'>} change
   */
  #learn(asOf, change) {
    this.#keeper.advance(this.#keeper.generation, (kept) =>
      // What is older than what is known was said before it was overtaken.
      asOf < kept.rights.asOf ? kept : Object.freeze({ ...kept, rights: Object.freeze({ ...change(kept.rights), asOf }) }),
    );
  }

  /** @param {Extract<Message, { type: 'session.takeover_requested' }>} message */
  #ask({ requestId, deviceName, platform, expiresAt }) {
    /** @param {boolean} allow */
    const answer = (allow) => this.#say({ type: 'takeover.answer', request_id: requestId, allow });
    const approve = () => answer(true);
    const deny = () => answer(false);
    this.#emitter.emit('takeoverrequest', { requestId, deviceName, platform, expiresAt, approve, deny });
  }

  /** @param {number} id */
  #ack(id) {
    const now = this.#time.now();
    const earned = (Math.max(0, now - this.#acks.at) / 1_000) * ACKS.aSecond;
    const left = Math.min(ACKS.burst, this.#acks.left + earned);
    this.#acks = { left: left >= 1 ? left - 1 : left, at: now };
    if (left >= 1) this.#say({ type: 'ack', id });
  }
}

/**
 * @param {readonly string[]} names
 * @param {readonly string[]} added
 * @param {readonly string[]} removed
 */
function changed(names, added, removed) {
  const next = new Set([...names, ...added]);
  for (const name of removed) next.delete(name);
  return Object.freeze([...next].sort());
}
