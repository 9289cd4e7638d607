/**
 * The feed as its reader takes it in: which message changes what, and when something is missing
 * (`docs/feed.md` of the server). It may not know how messages travel, nor what time it is.
 */

import { isPosition, isUuid } from './claims.js';
import { RevocationIndex } from './revocation.js';

/** @typedef {import('./types.js').Change} Change */
/** @typedef {'gap' | 'unreadable' | 'too_large'} Fault */
/**
 * What a message was taken for: nothing that changes the index; the index is whole, from a snapshot; the
 * position moved, or was heard again; everything was forgotten.
 * @typedef {{ kind: 'nothing' | 'begun' | 'forgot' } | { kind: 'moved', changes: readonly Change[] }} Taken
 */

/** Why the feed can't be gone on with: read on from the position by a new request. */
export class FeedFault extends Error {
  /** @param {Fault} fault */
  constructor(fault) {
    super(SENTENCES[fault]);
    this.fault = fault;
  }
}

const SENTENCES = {
  gap: 'something is missing in the feed',
  unreadable: 'a message of the feed can not be read',
  too_large: 'the index has more entries than `indexSizeMax` allows',
};

const isText = (/** @type {unknown} */ value) => typeof value === 'string';

/** What each kind of change is about. @type {Record<string, Record<string, (value: unknown) => boolean>>} */
const KINDS = {
  session_ended: { session_id: isUuid, reason: isText },
  user_ended: { user_id: isUuid, reason: isText },
  everybody_ended: { reason: isText },
  user_rights_changed: { user_id: isUuid },
  group_rights_changed: { group: isText },
  signing_key_retired: { kid: isText },
};

export class FeedState {
  /** Null until it is whole. @type {RevocationIndex | null} */
  index = null;
  /** What of a snapshot has come that is not whole yet. @type {Change[]} */
  #pieces = [];
  /** @type {number | null} */
  #piecesSeq = null;

  /** Up to where the index is complete. */
  get position() {
    return this.index?.position ?? null;
  }

  /** A new request goes out: what of a snapshot has come is worth nothing. */
  beginAnew() {
    this.#pieces = [];
    this.#piecesSeq = null;
  }

  /**
   * Takes in the next message. Where it throws a `FeedFault`, the position is as it was.
   * @param {string} name
   * @param {any} body
   * @param {number} entriesMax
   * @returns {Taken}
   */
  take(name, body, entriesMax) {
    if (name === 'reset') {
      this.index = null;
      this.beginAnew();
      return { kind: 'forgot' };
    }
    if (name === 'snapshot') return this.#begin(body, entriesMax);
    if (name === 'changes') return this.#goOn(body, entriesMax);
    return { kind: 'nothing' };
  }

  /** @param {any} body @param {number} entriesMax @returns {Taken} */
  #begin(body, entriesMax) {
    const isReadable = isPosition(body?.seq) && typeof body.more === 'boolean' && (this.#piecesSeq ?? body.seq) === body.seq;
    const changes = isReadable ? readChanges(body.changes, -1, body.seq) : null;
    if (!changes) throw new FeedFault('unreadable');
    if (this.#pieces.length + changes.length > entriesMax) throw new FeedFault('too_large');
    for (const change of changes) this.#pieces.push(change);
    this.#piecesSeq = body.seq;
    if (body.more) return { kind: 'nothing' };
    this.index = new RevocationIndex(body.seq, this.#pieces);
    this.beginAnew();
    return { kind: 'begun' };
  }

  /** @param {any} body @param {number} entriesMax @returns {Taken} */
  #goOn(body, entriesMax) {
    if (!isPosition(body?.after) || !isPosition(body.seq) || !isPosition(body.head)) throw new FeedFault('unreadable');
    if (!this.index || body.after !== this.index.position || body.seq < body.after) throw new FeedFault('gap');
    const changes = readChanges(body.changes, body.after, body.seq);
    if (!changes) throw new FeedFault('unreadable');
    if (changes.length > 0 && this.index.size + changes.length > entriesMax) throw new FeedFault('too_large');
    this.index.advance(body.seq, changes);
    return { kind: 'moved', changes };
  }
}

/**
 * The changes of a message, each of them after one position and up to another; null where one is none.
 * @param {unknown} list
 * @param {number} after
 * @param {number} upTo
 * @returns {Change[] | null}
 */
function readChanges(list, after, upTo) {
  if (!Array.isArray(list)) return null;
  const changes = list.map(readChange);
  const isWithin = (/** @type {Change | null} */ change) => change !== null && change.seq > after && change.seq <= upTo;
  return changes.every(isWithin) ? /** @type {Change[]} */ (changes) : null;
}

/**
 * A kind that nobody knows here is unreadable, not ignored: it may end tokens.
 * @param {any} change
 * @returns {Change | null}
 */
function readChange(change) {
  const members = Object.hasOwn(KINDS, change?.kind) ? KINDS[change.kind] : undefined;
  if (!members || !isPosition(change.seq) || !Number.isSafeInteger(change.keep_until)) return null;
  /** @type {Record<string, unknown>} */
  const read = { kind: change.kind, seq: change.seq, keep_until: change.keep_until };
  for (const [name, fits] of Object.entries(members)) {
    if (!fits(change[name])) return null;
    read[name] = fits === isUuid ? change[name].toLowerCase() : change[name];
  }
  if (isPosition(change.age_ms)) read.age_ms = change.age_ms;
  return /** @type {Change} */ (/** @type {unknown} */ (read));
}
