/**
 * The revocation index: does a genuine token still hold? Entries by session, by user, by group name and one
 * for everybody, each a log position that is compared with the token's `as_of`. A rights change of a group of
 * a million members is one entry. It may not know where the log comes from.
 */

/** @typedef {import('./types.js').Change} Change */
/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {import('./types.js').Verdict} Verdict */

/** Entries that are looked at in one go; more would hold up whatever else the process does. */
const SWEPT_AT_ONCE = 10_000;

/** What a change came to, and until when (seconds since the Unix epoch) a token may live that it concerns. */
class Entry {
  /** @param {'invalid' | 'ended' | 'stale'} kind @param {Change} change */
  constructor(kind, { seq, keep_until: keepUntil, reason = '' }) {
    this.kind = kind;
    this.seq = seq;
    this.reason = reason;
    this.keepUntil = keepUntil;
  }
}

export class RevocationIndex {
  /** @type {Map<string, Entry>} */
  #endedSessions = new Map();
  /** @type {Map<string, Entry>} */
  #endedUsers = new Map();
  /** @type {Map<string, Entry>} */
  #everybody = new Map();
  /** @type {Map<string, Entry>} */
  #staleUsers = new Map();
  /** @type {Map<string, Entry>} */
  #staleGroups = new Map();
  /** @type {Map<string, Entry>} */
  #retiredKeys = new Map();

  /**
   * @param {number} [position] Up to where it is complete.
   * @param {Iterable<Change>} [changes] What is known from before.
   */
  constructor(position = 0, changes = []) {
    this.position = position;
    for (const change of changes) this.#note(change);
  }

  get size() {
    return this.#maps().reduce((sum, map) => sum + map.size, 0);
  }

  /**
   * Applies everything that happened up to a position.
   * @param {number} position
   * @param {Iterable<Change>} changes
   */
  advance(position, changes) {
    for (const change of changes) this.#note(change);
    this.position = position;
  }

  /**
   * Whether an unexpired token holds: null where it does. A key that is trusted no more vouches for nothing,
   * ended goes before stale, and of several ends the first stands.
   * @param {Claims} claims
   * @returns {Verdict | null}
   */
  verdict({ sid, sub, as_of: asOf, groups, kid }) {
    const retired = kid === undefined ? undefined : this.#retiredKeys.get(kid);
    if (retired) return retired;
    let ended = this.#endedSessions.get(sid) ?? null;
    ended = first(ended, this.#endedUsers.get(sub), asOf);
    ended = first(ended, this.#everybody.get(''), asOf);
    if (ended) return ended;
    let stale = last(null, this.#staleUsers.get(sub), asOf);
    for (const group of groups) stale = last(stale, this.#staleGroups.get(group), asOf);
    return stale;
  }

  /**
   * Forgets entries that no living token can be concerned by, some at each step.
   * @param {number} now Seconds since the Unix epoch.
   */
  *sweep(now) {
    let looked = 0;
    for (const map of this.#maps()) {
      for (const [name, entry] of map) {
        if (entry.keepUntil <= now) map.delete(name);
        looked += 1;
        if (looked % SWEPT_AT_ONCE === 0) yield;
      }
    }
  }

  /** @param {Change} change */
  #note(change) {
    switch (change.kind) {
      case 'session_ended': {
        // A session ends once: the first reason stands.
        const there = this.#endedSessions.get(String(change.session_id));
        if (!there || there.seq > change.seq) this.#endedSessions.set(String(change.session_id), new Entry('ended', change));
        break;
      }
      case 'user_ended':
        replace(this.#endedUsers, String(change.user_id), new Entry('ended', change));
        break;
      case 'everybody_ended':
        replace(this.#everybody, '', new Entry('ended', change));
        break;
      case 'user_rights_changed':
        replace(this.#staleUsers, String(change.user_id), new Entry('stale', change));
        break;
      case 'group_rights_changed':
        replace(this.#staleGroups, String(change.group), new Entry('stale', change));
        break;
      case 'signing_key_retired':
        replace(this.#retiredKeys, String(change.kid), new Entry('invalid', change));
        break;
    }
  }

  #maps() {
    return [this.#endedSessions, this.#endedUsers, this.#everybody, this.#staleUsers, this.#staleGroups, this.#retiredKeys];
  }
}

/**
 * Whether a token with these claims is no longer good because of this change.
 * @param {Change} change
 * @param {Claims} claims
 */
export function concerns(change, claims) {
  const isUnseen = change.seq > claims.as_of;
  switch (change.kind) {
    case 'session_ended':
      return change.session_id === claims.sid;
    case 'user_ended':
    case 'user_rights_changed':
      return isUnseen && change.user_id === claims.sub;
    case 'everybody_ended':
      return isUnseen;
    case 'group_rights_changed':
      return isUnseen && claims.groups.includes(String(change.group));
    case 'signing_key_retired':
      return change.kid === claims.kid;
  }
}

/** @param {Map<string, Entry>} map @param {string} name @param {Entry} entry */
function replace(map, name, entry) {
  const there = map.get(name);
  if (!there || there.seq < entry.seq) map.set(name, entry);
}

/** @param {Entry | null} found @param {Entry | undefined} other @param {number} asOf */
function first(found, other, asOf) {
  if (!other || other.seq <= asOf) return found;
  return found && found.seq <= other.seq ? found : other;
}

/** @param {Entry | null} found @param {Entry | undefined} other @param {number} asOf */
function last(found, other, asOf) {
  if (!other || other.seq <= asOf) return found;
  return found && found.seq >= other.seq ? found : other;
}
