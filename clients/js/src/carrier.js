/**
 * What carries the messages of one connection, whichever way they get through: a WebSocket, or a stream of
 * events. A stream has no way up, so what would be said is done by opening another one: it brings the newer
 * token, and its first message proves that the server is there. The one before is let go of then, not earlier.
 * It may not know what messages bring about, nor when to come back.
 */

/** @typedef {import('./roads.js').Transport} Transport */
/** @typedef {import('./messages.js').Message} Message */

/**
 * One WebSocket, or one stream.
 * @typedef {object} Lane
 * @property {Transport} transport
 * @property {(message: import('./messages.js').Said) => boolean} say Whether it went out.
 * @property {(dead: boolean) => void} close Nothing is heard of it after this.
 */
/**
 * @typedef {object} LaneEvents
 * @property {(message: Message | null) => void} message null: it can't be read.
 * @property {() => void} beat The server is there.
 * @property {(code: number, reason: string) => void} over
 * @property {() => void} impossible There are no such lanes.
 */
/** @typedef {Pick<LaneEvents, 'message' | 'beat' | 'over'> & { failed: (error: unknown) => void }} CarrierEvents */
/** @typedef {(transport: Transport, token: string, on: LaneEvents) => Lane} Open */

/** A WebSocket that has something to fall back to gets this long for its first message. */
export const SOCKET_MS = 6_000;
/** What the server says by a close; below, something in between may have spoken. */
const SERVER_CODES = 4_000;

export class Carrier {
  #open;
  #roads;
  #time;
  #on;
  #token = '';
  /** @type {Lane | null} The one that brought the last message. */
  #live = null;
  /** @type {{ lane: Lane | null } | null} One that has yet to bring its first. */
  #trial = null;
  /** @type {import('./time.js').Timer | undefined} */
  #timer;

  /**
   * @param {object} parts
   * @param {Open} parts.open
   * @param {import('./roads.js').Roads} parts.roads
   * @param {import('./time.js').Time} parts.time
   * @param {CarrierEvents} parts.on
   */
  constructor({ open, roads, time, on }) {
    this.#open = open;
    this.#roads = roads;
    this.#time = time;
    this.#on = on;
  }

  /** What brought the last message. */
  get transport() {
    return this.#live?.transport ?? null;
  }

  /** @param {string} token */
  start(token) {
    this.#token = token;
    this.#try(this.#roads.order());
  }

  /**
   * @param {import('./messages.js').Said} message
   * @returns {boolean} Whether it went out.
   */
  say(message) {
    if (this.#live?.transport !== 'sse') return this.#live?.say(message) ?? false;
    if (message.type === 'ping') {
      if (!this.#trial) this.#try(['sse']);
      return true;
    }
    if (message.type !== 'token.refresh') return false;
    this.#token = String(message.token);
    this.#try(this.#roads.order());
    return true;
  }

  /** @param {boolean} dead It does not answer. */
  close(dead) {
    // That a WebSocket brought nothing all the while is as good as a failure.
    if (dead && this.#trial?.lane?.transport === 'websocket') this.#roads.failed('websocket');
    this.#live?.close(dead);
    this.#live = null;
    this.#abandon();
  }

  #abandon() {
    this.#timer?.cancel();
    this.#trial?.lane?.close(true);
    this.#trial = null;
  }

  /** @param {readonly Transport[]} order */
  #try(order) {
    this.#abandon();
    const [transport, ...others] = order;
    if (!transport) return;
    /** @type {{ lane: Lane | null }} */
    const trial = { lane: null };
    this.#trial = trial;
    /** @type {(code: number, reason: string) => void} */
    const over = (code, reason) => {
      if (this.#trial === trial) this.#fail(transport, others, code, reason);
      else if (this.#live === trial.lane) this.#lose(transport, code, reason);
    };
    try {
      trial.lane = this.#open(transport, this.#token, {
        message: (message) => {
          if (this.#trial === trial) this.#adopt(trial.lane);
          this.#on.message(message);
        },
        beat: () => this.#live === trial.lane && this.#on.beat(),
        over,
        impossible: () => this.#roads.noStreams(),
      });
    } catch (error) {
      this.#on.failed(error);
      return over(0, '');
    }
    if (others.length > 0) this.#timer = this.#time.after(() => over(0, ''), SOCKET_MS);
  }

  /** @param {Lane | null} lane */
  #adopt(lane) {
    this.#timer?.cancel();
    this.#live?.close(false);
    this.#live = lane;
    this.#trial = null;
    if (lane) this.#roads.worked(lane.transport);
  }

  /**
   * @param {Transport} transport
   * @param {readonly Transport[]} others
   * @param {number} code
   * @param {string} reason
   */
  #fail(transport, others, code, reason) {
    const spoke = code >= SERVER_CODES;
    this.#abandon();
    if (!spoke) this.#roads.failed(transport);
    if (!spoke && others.length > 0) return this.#try(others);
    // The one before is as good as it was; what is wrong will be told through it too.
    if (!this.#live) this.#on.over(code, reason);
  }

  /**
   * @param {Transport} transport
   * @param {number} code
   * @param {string} reason
   */
  #lose(transport, code, reason) {
    this.#live = null;
    this.#abandon();
    if (transport === 'sse' && code < SERVER_CODES) this.#roads.failed('sse');
    this.#on.over(code, reason);
  }
}
