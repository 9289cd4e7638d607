/**
 * Finds whom a change concerns without looking at everybody: members by session, by user and by group. It may
 * not know what the members are.
 */

/** @typedef {import('./types.js').Change} Change */
/** @typedef {{ claims: import('./types.js').Claims }} Member */

/** @template {Member} M */
export class Concerned {
  /** @type {Set<M>} */
  #all = new Set();
  /** @type {Map<string, Set<M>>} */
  #bySession = new Map();
  /** @type {Map<string, Set<M>>} */
  #byUser = new Map();
  /** @type {Map<string, Set<M>>} */
  #byGroup = new Map();

  get size() {
    return this.#all.size;
  }

  /** A member's claims may not become others while it is here. @param {M} member */
  add(member) {
    const { sid, sub, groups } = member.claims;
    this.#all.add(member);
    put(this.#bySession, sid, member);
    put(this.#byUser, sub, member);
    for (const group of groups) put(this.#byGroup, group, member);
  }

  /** @param {M} member */
  remove(member) {
    if (!this.#all.delete(member)) return;
    const { sid, sub, groups } = member.claims;
    take(this.#bySession, sid, member);
    take(this.#byUser, sub, member);
    for (const group of groups) take(this.#byGroup, group, member);
  }

  /** @returns {M[]} */
  all() {
    return [...this.#all];
  }

  /**
   * Members that share the change's session, user or group, whatever their position.
   * @param {Change} change
   * @returns {M[]}
   */
  by({ kind, session_id: session = '', user_id: user = '', group = '' }) {
    if (kind === 'everybody_ended' || kind === 'signing_key_retired') return this.all();
    if (kind === 'session_ended') return [...(this.#bySession.get(session) ?? [])];
    if (kind === 'group_rights_changed') return [...(this.#byGroup.get(group) ?? [])];
    return [...(this.#byUser.get(user) ?? [])];
  }
}

/** @template M @param {Map<string, Set<M>>} map @param {string} name @param {M} member */
function put(map, name, member) {
  const members = map.get(name);
  if (members) members.add(member);
  else map.set(name, new Set([member]));
}

/** @template M @param {Map<string, Set<M>>} map @param {string} name @param {M} member */
function take(map, name, member) {
  const members = map.get(name);
  members?.delete(member);
  if (members?.size === 0) map.delete(name);
}
