/**
 * What players own: a store, as a database would be, and the rule of who may write. It may not know sockets.
 *
 * As many games do, a player's bag is read when the player comes in, changed in memory and written back whole.
 * With two live sessions of one player, the older one's memory is out of date, and what it writes back brings
 * things into the world a second time. The fence refuses that write.
 */

/** @typedef {{ sub: string, fence: number }} Claims */

export class World {
  /** @type {Map<string, string[]>} */
  #bags = new Map();
  #mayWrite;

  /** @param {(claims: Claims) => void} mayWrite Throws where a later session of the player has taken over. */
  constructor(mayWrite) {
    this.#mayWrite = mayWrite;
  }

  /**
   * A player's bag, as it lies in the store.
   * @param {string} player
   */
  bag(player) {
    return [...(this.#bags.get(player) ?? [])];
  }

  /**
   * Puts something into the world.
   * @param {string} player
   * @param {string} item
   */
  find(player, item) {
    this.#bags.set(player, [...this.bag(player), item]);
  }

  /**
   * A player gives something away: what is left of the player's bag is written back.
   * @param {Claims} claims Of the session that gives.
   * @param {string[]} bag As that session has it in memory.
   * @param {string} item
   * @param {string} to
   * @returns {string[]} What is left.
   */
  give(claims, bag, item, to) {
    const place = bag.indexOf(item);
    if (place < 0) throw new Error('you do not have that');
    const left = bag.toSpliced(place, 1);
    this.#mayWrite(claims);
    this.#bags.set(claims.sub, left);
    this.find(to, item);
    return left;
  }

  /** How often something is in the world. */
  count(item) {
    return [...this.#bags.values()].flat().filter((it) => it === item).length;
  }
}
