/**
 * Connection state recovery, made safe. Socket.IO restores a socket, its rooms and the packets that it missed
 * for whoever names its private id, without asking middleware, and sends those packets before anybody can
 * look. So the token is checked before: restored is only who brings a good token of the same session. It may
 * not know what a good token is.
 *
 * `_createSocket` is not public. Where a version of Socket.IO has none, nothing is restored.
 */

import { AsyncLocalStorage } from 'node:async_hooks';

/** @typedef {import('../types.js').Claims} Claims */
/** @typedef {import('./types.js').Adapter} Adapter */
/** @typedef {import('./types.js').Client} Client */
/** @typedef {import('./types.js').Namespace} Namespace */
/** @typedef {import('./types.js').Socket} Socket */

/**
 * @typedef {object} Parts
 * @property {(nsp: Namespace) => boolean} isGuarded
 * @property {(client: Client, auth: any, nsp: Namespace) => Promise<Claims | null>} check
 * @property {(claims: Claims) => boolean} holds Whether they still do.
 * @property {(socket: Socket, claims: Claims) => void} admit Its rooms came with it.
 */

export class Restoring {
  #parts;
  /** Who asks to be restored; null who may not be. @type {AsyncLocalStorage<Claims | null>} */
  #asking = new AsyncLocalStorage();
  /** @type {WeakSet<Adapter>} */
  #adapters = new WeakSet();

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {Namespace} nsp */
  guard(nsp) {
    const create = nsp._createSocket;
    if (typeof create !== 'function') return;
    nsp._createSocket = async (client, auth) => {
      const plain = () => create.call(nsp, client, auth);
      if (!this.#parts.isGuarded(nsp) || typeof auth?.pid !== 'string') return plain();
      const claims = await this.#parts.check(client, auth, nsp);
      const socket = await this.#asking.run(claims, plain);
      if (socket.recovered && claims) this.#parts.admit(socket, claims);
      return socket;
    };
  }

  /** An adapter may be put in the place of another at any time. @param {Namespace} nsp */
  guardAdapter(nsp) {
    const { adapter } = nsp;
    if (this.#adapters.has(adapter)) return;
    this.#adapters.add(adapter);
    const restore = adapter.restoreSession;
    adapter.restoreSession = async (pid, offset) => {
      if (!this.#parts.isGuarded(nsp)) return restore.call(adapter, pid, offset);
      const claims = this.#asking.getStore();
      if (!claims) return null;
      const session = await restore.call(adapter, pid, offset);
      // Somebody else may have signed in on the same page, and what came meanwhile goes before the check.
      return session?.data?.auth?.sid === claims.sid && this.#parts.holds(claims) ? session : null;
    };
  }
}
