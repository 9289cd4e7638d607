/**
 * The connection as a state machine: `step(state, input)` gives the next state and what is to be done.
 * Pure: no socket, no clock, no chance. It may not know tokens, only whether one is usable.
 *
 * A socket exists exactly in the phases that `hasSocket` names, a timer runs only in those that
 * `timersIn` names: the driver enforces both after each step, so neither can be forgotten.
 */

/** @typedef {'off' | 'refreshing' | 'opening' | 'live' | 'waiting' | 'resting' | 'out'} Phase */
/** @typedef {'retry' | 'welcome' | 'silence' | 'pong' | 'settled'} TimerName */

/**
 * @typedef {object} Connection
 * @property {Phase} phase `resting`: the token ran out and nobody is there. `out`: the server bade us stay out.
 * @property {number} attempt Connections that failed in a row.
 * @property {boolean} online What the device says about its network.
 * @property {boolean} rescued A refresh was already tried because the server took the token for invalid.
 * @property {boolean} stale The token at hand must not be used for the next connection.
 * @property {boolean} probing A `ping` waits for its `pong`.
 * @property {number | null} afterMs When the server said to come back.
 * @property {number} heartbeatMs
 */

/**
 * @typedef {{ type: 'start', usable: boolean }
 *   | { type: 'stop' }
 *   | { type: 'token' }
 *   | { type: 'refresh_failed', resting: boolean, waitMs?: number }
 *   | { type: 'welcome', heartbeatMs: number }
 *   | { type: 'heard' }
 *   | { type: 'closed', code: number, reason: string }
 *   | { type: 'reconnect', afterMs: number }
 *   | { type: 'timer', name: TimerName, usable: boolean }
 *   | { type: 'online' }
 *   | { type: 'offline' }
 *   | { type: 'wake', usable: boolean }
 *   | { type: 'person' }} Input
 */

/**
 * @typedef {{ do: 'open' }
 *   | { do: 'refresh' }
 *   | { do: 'ping' }
 *   | { do: 'tell_token' }
 *   | { do: 'timer', name: TimerName, ms: number }
 *   | { do: 'backoff', attempt: number, atLeastMs: number }
 *   | { do: 'end', code: number, reason: string }
 *   | { do: 'report', code: number, reason: string }} Effect
 */

/** @typedef {{ state: Connection, effects: Effect[] }} Step */

/** No welcome within this time: the connection failed. */
export const WELCOME_MS = 15_000;
/** No pong within this time: the socket is dead. */
export const PONG_MS = 5_000;
/** A connection that lived this long is a good one: the back-off begins anew. */
export const SETTLED_MS = 10_000;
/** While the device says that it has no network, which isn't always so. */
export const OFFLINE_MS = 15_000;
/** What a machine calls a close that the other side didn't make. */
export const UNRESPONSIVE = 0;

/** @type {Connection} */
export const OFF = Object.freeze({
  phase: 'off',
  attempt: 0,
  online: true,
  rescued: false,
  stale: false,
  probing: false,
  afterMs: null,
  heartbeatMs: 60_000,
});

/** @param {Connection} state */
export function hasSocket(state) {
  return state.phase === 'opening' || state.phase === 'live';
}

/**
 * @param {Connection} state
 * @returns {readonly TimerName[]}
 */
export function timersIn(state) {
  switch (state.phase) {
    case 'waiting':
      return ['retry'];
    case 'opening':
      return ['welcome'];
    case 'live':
      return state.probing ? ['pong', 'settled'] : ['silence', 'settled'];
    default:
      return [];
  }
}

/**
 * What an application is told. The first attempt after a break is still `connecting`, so that a
 * server's restart doesn't make pages flicker.
 * @param {Connection} state
 * @returns {'connecting' | 'live' | 'offline'}
 */
export function shown(state) {
  if (state.phase === 'live') return 'live';
  const trying = state.phase === 'opening' || state.phase === 'refreshing' || state.phase === 'waiting';
  return trying && state.online && state.attempt <= 1 ? 'connecting' : 'offline';
}

/**
 * @param {Connection} state
 * @param {Input} input
 * @returns {Step}
 */
export function step(state, input) {
  switch (input.type) {
    case 'start':
      return connect({ ...OFF, online: state.online }, input.usable);
    case 'stop':
      return to({ ...OFF, online: state.online });
    case 'token':
      return onToken(state);
    case 'refresh_failed':
      if (state.phase !== 'refreshing') return to(state);
      return input.resting ? to({ ...state, phase: 'resting' }) : retry(state, input.waitMs ?? 0);
    case 'welcome':
      if (state.phase !== 'opening') return to(state);
      return to(
        { ...state, phase: 'live', probing: false, afterMs: null, heartbeatMs: input.heartbeatMs },
        silence(input.heartbeatMs),
        { do: 'timer', name: 'settled', ms: SETTLED_MS },
      );
    case 'heard':
      if (state.phase !== 'live') return to(state);
      return to({ ...state, probing: false }, silence(state.heartbeatMs));
    case 'reconnect':
      return hasSocket(state) ? to({ ...state, afterMs: input.afterMs }) : to(state);
    case 'closed':
      return hasSocket(state) ? onClosed(state, input.code, input.reason) : to(state);
    case 'timer':
      return onTimer(state, input.name, input.usable);
    case 'online':
      return onOnline({ ...state, online: true });
    case 'offline':
      return probe({ ...state, online: false });
    case 'wake':
      return state.phase === 'waiting' && state.afterMs === null ? connect(state, input.usable) : probe(state);
    case 'person':
      return state.phase === 'resting' ? refreshing(state) : to(state);
  }
}

/**
 * @param {Connection} state
 * @returns {Step}
 */
function onToken(state) {
  switch (state.phase) {
    case 'refreshing':
    case 'resting':
      return connect({ ...state, stale: false }, true);
    case 'live':
      return to(state, { do: 'tell_token' });
    default:
      return to({ ...state, stale: false });
  }
}

/**
 * @param {Connection} state
 * @param {number} code
 * @param {string} reason
 * @returns {Step}
 */
function onClosed(state, code, reason) {
  if (code === 4500) {
    if (state.rescued) return to({ ...OFF, online: state.online }, { do: 'end', code, reason });
    return refreshing({ ...state, attempt: state.attempt + 1, rescued: true, stale: true });
  }
  if (code >= 4501 && code <= 4503) {
    return to({ ...OFF, online: state.online }, { do: 'end', code, reason });
  }
  if (code > 4503 && code <= 4999) {
    return to({ ...state, phase: 'out', probing: false }, { do: 'report', code, reason });
  }
  if (code === 4001) {
    const next = { ...state, stale: true };
    // The first time at once. Again before a connection settled: something is wrong, so with back-off.
    return state.attempt === 0 ? refreshing({ ...next, attempt: 1 }) : retry(next, 0);
  }
  return retry(state, 0);
}

/**
 * @param {Connection} state
 * @param {TimerName} name
 * @param {boolean} usable
 * @returns {Step}
 */
function onTimer(state, name, usable) {
  if (!timersIn(state).includes(name)) return to(state);
  switch (name) {
    case 'retry':
      return connect({ ...state, afterMs: null }, usable);
    case 'settled':
      return to({ ...state, attempt: 0, rescued: false });
    case 'silence':
      return probe(state);
    case 'welcome':
    case 'pong':
      return onClosed(state, UNRESPONSIVE, 'unresponsive');
  }
}

/**
 * @param {Connection} state
 * @returns {Step}
 */
function onOnline(state) {
  if (state.phase !== 'waiting') return probe(state);
  // The server's word about when to come back holds, whatever the network does.
  if (state.afterMs !== null) return to(state);
  // A whole office comes online at once: the shortest back-off, for its jitter.
  return to({ ...state, attempt: 0 }, { do: 'backoff', attempt: 1, atLeastMs: 0 });
}

/**
 * @param {Connection} state
 * @returns {Step}
 */
function probe(state) {
  if (state.phase !== 'live' || state.probing) return to(state);
  return to({ ...state, probing: true }, { do: 'ping' }, { do: 'timer', name: 'pong', ms: PONG_MS });
}

/**
 * @param {Connection} state
 * @param {boolean} usable
 * @returns {Step}
 */
function connect(state, usable) {
  if (!usable || state.stale) return refreshing(state);
  return to(
    { ...state, phase: 'opening', probing: false, afterMs: null },
    { do: 'open' },
    { do: 'timer', name: 'welcome', ms: WELCOME_MS },
  );
}

/**
 * @param {Connection} state
 * @returns {Step}
 */
function refreshing(state) {
  return to({ ...state, phase: 'refreshing', probing: false }, { do: 'refresh' });
}

/**
 * @param {Connection} state
 * @param {number} atLeastMs
 * @returns {Step}
 */
function retry(state, atLeastMs) {
  const attempt = state.attempt + 1;
  const next = { ...state, phase: /** @type {const} */ ('waiting'), probing: false, attempt };
  return state.afterMs === null
    ? to(next, { do: 'backoff', attempt, atLeastMs: state.online ? atLeastMs : Math.max(atLeastMs, OFFLINE_MS) })
    : to(next, { do: 'timer', name: 'retry', ms: state.afterMs });
}

/**
 * @param {number} heartbeatMs
 * @returns {Effect}
 */
function silence(heartbeatMs) {
  return { do: 'timer', name: 'silence', ms: 2 * heartbeatMs };
}

/**
 * @param {Connection} state
 * @param {...Effect} effects
 * @returns {Step}
 */
function to(state, ...effects) {
  return { state, effects };
}
