/**
 * The session: what an application holds. Puts the parts together and tells what changed. The rules are
 * in the parts; it may not know them.
 */

import { openDevice } from './device.js';
import { Emitter } from './emitter.js';
import { closedError, SessionwireError } from './errors.js';
import { tokenFetch } from './fetch.js';
import { Heard } from './heard.js';
import { Api } from './http.js';
import { Keeper } from './keeper.js';
import { openKeep } from './keep.js';
import { Presence } from './presence.js';
import { openProofs } from './proofs.js';
import { endedBecause } from './reasons.js';
import { SignIn } from './sign-in.js';
import { tellSignedOut } from './sign-out.js';
import { Link } from './socket.js';
import { Tokens } from './tokens.js';
import { Turns } from './turns.js';
import { watchWaking } from './wake.js';

/** @typedef {import('./types.js').Events} Events */
/** @typedef {import('./types.js').Stored} Stored */
/** @typedef {import('./types.js').Kept} Kept */

/** @type {readonly string[]} */
const NONE = Object.freeze([]);

export class Session {
  #emitter = /** @type {Emitter<Events>} */ (new Emitter());
  #keep;
  #time;
  #api;
  #keeper;
  #tokens;
  #link;
  #heard;
  #signIn;
  #presence;
  #waking;
  /** @type {Promise<import('./types.js').Device>} */
  #device;
  #looked = false;
  #closed = false;
  #revision = 0;
  /** @type {import('./types.js').State} */
  #state;
  /** @type {import('./types.js').Transport | null} */
  #transport = null;

  /** @param {import('./settings.js').Settings} settings */
  constructor(settings) {
    const { base, time, platform, namespace, trustedOrigins, cookies, bound, fetch, SocketClass, idleAfterMs } = settings;
    const report = (/** @type {import('./types.js').Report} */ it) => this.#emitter.emit('error', it);
    this.#time = time;
    const proofs = openProofs(settings, report);
    this.#api = new Api({ base, fetch, time, cookies, bound, proofs });
    this.#keep = openKeep(settings, report, (message) => this.#onTab(message));
    this.#state = this.#keep.mayHoldSession ? 'connecting' : 'ended';
    this.#keeper = new Keeper({
      shelf: this.#keep.records,
      key: `sessionwire:${namespace}:session`,
      time,
      changed: (before, after) => this.#onRecord(before, after),
      written: () => this.#keep.tabs.say({ kind: 'changed' }),
    });
    this.#presence = new Presence({
      time,
      document: platform.document,
      idleAfterMs,
      on: {
        person: () => {
          this.#tokens.check();
          this.#link.person();
        },
        tellTabs: () => void this.#device.then(({ id }) => this.#keep.tabs.say({ kind: 'activity', deviceId: id })),
        tellServer: () => this.#link.say({ type: 'activity' }),
      },
    });
    this.#tokens = new Tokens({
      keeper: this.#keeper,
      api: this.#api,
      time,
      turns: new Turns({ time, locks: platform.locks, name: `sessionwire:${namespace}:refresh`, shared: this.#keep.shared }),
      allows: (obtainedAt) => this.#presence.allowsRefresh(obtainedAt),
      holds: async (token) => (await proofs?.holds(token)) ?? false,
    });
    this.#link = new Link({
      time,
      ways: {
        SocketClass,
        fetch,
        // A page's cookies come along unasked; who brings a token says so.
        socketAddress: `${base.replace(/^http/, 'ws')}/v1/socket${platform.document && !cookies ? '?auth=message' : ''}`,
        streamAddress: `${base}/v1/stream`,
        cookies,
        bound,
        proofs,
      },
      online: platform.online(),
      around: {
        token: () => tokenOf(this.#keeper.session),
        usable: () => this.#tokens.usable,
        renew: (than) => this.#tokens.renew(than, { silent: true }),
        message: (message) => this.#heard.hear(message),
        over: (code, reason) => this.#keeper.end(endedBecause(code === 4500 || !reason ? 'token_invalid' : reason), { byPerson: false }),
        report,
        changed: () => this.#show(),
      },
    });
    this.#heard = new Heard({
      keeper: this.#keeper,
      tokens: this.#tokens,
      time,
      say: (message) => this.#link.say(message),
      emitter: this.#emitter,
    });
    // A moment later, so that a storage that fails at once is reported to listeners that are there by then.
    this.#device = Promise.resolve().then(() =>
      openDevice(this.#keep.devices, `sessionwire:${namespace}:device`, platform, settings.device),
    );
    this.#signIn = new SignIn({ keeper: this.#keeper, api: this.#api, time, device: () => this.#device, cookies, proofs });
    this.#waking = watchWaking(platform, time, {
      woke: () => this.#wake(),
      shown: () => {
        this.#wake();
        this.#presence.note();
      },
      online: () => this.#link.online(),
      offline: () => this.#link.offline(),
    });
    const refetching = tokenFetch({ base, trustedOrigins, fetch, keeper: this.#keeper, tokens: this.#tokens, cookies, bound, proofs });
    /**
     * Like `fetch`, with the token.
     * @type {(input: RequestInfo | URL, init?: RequestInit) => Promise<Response>}
     */
    this.fetch = async (input, init) => {
      await this.ready;
      this.#checkOpen();
      return refetching(input, init);
    };
    /** When what was stored has been looked at. Never rejects. @type {Promise<void>} */
    this.ready = this.#look();
  }

  get state() {
    return this.#state;
  }

  /** What brings the server's messages now: `websocket`, `sse` or null. */
  get transport() {
    return this.#transport;
  }

  /** Why the last session ended; null with one, and where there was none. */
  get ended() {
    return this.#keeper.ended;
  }

  get id() {
    return this.#keeper.session?.id ?? null;
  }

  get user() {
    return this.#keeper.session?.grant.user ?? null;
  }

  get device() {
    return this.#keeper.session?.device ?? null;
  }

  get groups() {
    return this.#keeper.session?.rights.groups ?? NONE;
  }

  get permissions() {
    return this.#keeper.session?.rights.permissions ?? NONE;
  }

  /** A number that grows whenever anything above has changed; event `change` says so. */
  get revision() {
    return this.#revision;
  }

  /** @param {string} permission */
  can(permission) {
    return this.permissions.includes(permission);
  }

  /**
   * @param {import('./types.js').SignInOptions} options
   * @returns {Promise<import('./types.js').SignInResult>}
   */
  async signIn(options) {
    await this.ready;
    this.activity();
    return this.#signIn.signIn(options);
  }

  /** Here at once; resolves when the server knows, or could not be told (event `error`). */
  async signOut() {
    this.#checkOpen();
    this.#signIn.forget();
    // A sign-out counts against what is stored, so that has to be known.
    if (!this.#looked) await this.ready;
    const session = this.#endHere('signed_out');
    if (session) await tellSignedOut(this.#api, this.#time, session, (it) => this.#emitter.emit('error', it));
    await this.#keeper.settled();
  }

  /**
   * @param {{ exceptCurrent?: boolean }} [how]
   * @returns {Promise<{ sessionsEnded: number }>}
   */
  async signOutEverywhere({ exceptCurrent = false } = {}) {
    const id = this.id;
    const response = await this.fetch('v1/sign-out-everywhere', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ except_current: exceptCurrent }),
    });
    const body = /** @type {any} */ (await response.json().catch(() => ({})));
    if (!response.ok) {
      throw new SessionwireError(body.code ?? 'bad_answer', body.detail ?? 'Signing out failed.', { status: response.status, details: body });
    }
    if (!exceptCurrent && id !== null && this.id === id) this.#endHere('signed_out_everywhere');
    await this.#keeper.settled();
    return { sessionsEnded: Number(body.sessions_ended ?? 0) };
  }

  /** A fresh token and the present rights, now. */
  async refresh() {
    await this.ready;
    this.#checkOpen();
    const session = this.#keeper.session;
    if (!session) throw new SessionwireError('not_signed_in', 'Nobody is signed in.');
    const renewal = await this.#tokens.renew(session.grant.accessToken, { silent: false });
    if (renewal.kind === 'failed') throw renewal.error;
    if (renewal.kind !== 'done') {
      this.#checkOpen();
      throw new SessionwireError('session_ended', this.ended?.message ?? 'The session ended.', { status: 401, details: { ...this.ended } });
    }
  }

  /** The person is there. */
  activity() {
    if (!this.#closed) this.#presence.note();
  }

  /** Stops here, without signing out. Nothing is left: no socket, timer, listener or channel. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#waking.close();
    this.#presence.close();
    this.#signIn.close();
    this.#tokens.close();
    this.#link.stop();
    this.#api.close();
    this.#emitter.clear();
    void this.#keeper.settled().then(() => this.#keep.tabs.close());
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(event: Events[Name]) => void} listener
   * @returns {() => void} Takes the listener away again.
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(event: Events[Name]) => void} listener
   */
  off(name, listener) {
    this.#emitter.off(name, listener);
  }

  async #look() {
    await this.#device;
    await this.#keeper.load();
    this.#looked = true;
    this.#show();
  }

  #wake() {
    void this.#keeper.load();
    this.#tokens.check();
    this.#link.woke();
  }

  /** @param {import('./tabs.js').TabMessage} message */
  #onTab(message) {
    if (this.#closed) return;
    switch (message.kind) {
      case 'changed':
        return void this.#keeper.load();
      case 'activity':
        return void this.#device.then(({ id }) => id === message.deviceId && this.#presence.noteElsewhere());
      case 'ended':
        if (message.sessionId === this.id) this.#keeper.end(endedBecause(message.ended.reason, message.ended), message);
    }
  }

  /**
   * The record is another: everything that follows from it.
   * @param {Stored} before
   * @param {Stored} after
   */
  #onRecord(before, after) {
    if (this.#closed) return;
    this.#revision += 1;
    this.#tokens.schedule();
    if (before.session?.id !== after.session?.id) this.#onOtherSession(before, after);
    else if (before.session && after.session) this.#onSameSession(before.session, after.session);
    this.#emitter.emit('change', undefined);
  }

  /**
   * @param {Stored} before
   * @param {Stored} after
   */
  #onOtherSession(before, after) {
    if (after.session) return this.#link.start();
    this.#link.stop();
    this.#show();
    if (!before.session || !after.ended) return;
    const byPerson = after.signedOut === after.generation;
    // Says it even where the storage, through which other tabs would see it, has failed.
    this.#keep.tabs.say({ kind: 'ended', sessionId: before.session.id, ended: after.ended, byPerson });
    this.#emitter.emit('ended', after.ended);
  }

  /**
   * @param {Kept} before
   * @param {Kept} after
   */
  #onSameSession(before, after) {
    if (before.grant.accessToken !== after.grant.accessToken) this.#link.token();
    const [gained, lost] = difference(before.rights.permissions, after.rights.permissions);
    const [groupsAdded, groupsRemoved] = difference(before.rights.groups, after.rights.groups);
    if ([gained, lost, groupsAdded, groupsRemoved].every((names) => names.length === 0)) return;
    this.#emitter.emit('permissionschange', { gained, lost, groupsAdded, groupsRemoved, initiatedBy: after.rights.by });
  }

  /** Tells the state, and what the messages come by, where either is another than the one told last. */
  #show() {
    if (this.#closed) return;
    const previous = this.#state;
    const looking = !this.#looked && this.#keep.mayHoldSession;
    const state = this.#keeper.session ? this.#link.shown : looking ? 'connecting' : 'ended';
    const transport = state === 'live' ? this.#link.transport : null;
    if (state === previous && transport === this.#transport) return;
    this.#state = state;
    this.#transport = transport;
    this.#revision += 1;
    const ended = state === 'ended' ? this.ended : null;
    this.#emitter.emit('statechange', { state, previous, transport, ...(ended ? { ended } : {}) });
    this.#emitter.emit('change', undefined);
  }

  /**
   * @param {string} reason
   * @returns {Kept | null} The session that was.
   */
  #endHere(reason) {
    const session = this.#keeper.session;
    this.#signIn.forget();
    this.#keeper.end(endedBecause(reason), { byPerson: true });
    return session;
  }

  #checkOpen() {
    if (this.#closed) throw closedError();
  }
}

/** @param {Kept | null} session */
function tokenOf(session) {
  return session && { token: session.grant.accessToken, expiresAt: session.grant.expiresAt };
}

/**
 * @param {readonly string[]} before
 * @param {readonly string[]} after
 * @returns {[readonly string[], readonly string[]]} Gained and lost.
 */
function difference(before, after) {
  return [after.filter((name) => !before.includes(name)), before.filter((name) => !after.includes(name))];
}
