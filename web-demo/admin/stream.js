// The log as it happens: server-sent events read with `fetch`, since the browser's own EventSource can't send
// a token. Goes on where it was cut; a stream that is silent for too long is taken for dead.

import { attended, untilAttended } from '../shared/attention.js';

/** @typedef {import('../shared/types.js').Session} Session */
/** @typedef {import('../shared/types.js').LogEvent} LogEvent */
/** @typedef {import('../shared/types.js').Pulse} Pulse */
/** @typedef {{ event(event: LogEvent): void, pulse(pulse: Pulse): void, state(state: 'live' | 'offline' | 'paused'): void }} Listener */

const PATH = '/v1/events/stream';
const SILENCE_MS = 10_000;
const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 15_000;

/**
 * Cuts a stream's text into its messages.
 *
 * @returns {(text: string) => { id: string, event: string, data: string }[]}
 */
export function sseParser() {
  let rest = '';
  return (text) => {
    const blocks = (rest + text).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    return blocks.map((block) => {
      const message = { id: '', event: 'message', data: '' };
      /** @type {string[]} */
      const data = [];
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        if (colon < 1) continue;
        const value = line.slice(colon + 1).replace(/^ /, '');
        const name = line.slice(0, colon);
        if (name === 'id') message.id = value;
        else if (name === 'event') message.event = value;
        else if (name === 'data') data.push(value);
      }
      message.data = data.join('\n');
      return message;
    });
  };
}

/**
 * @param {Session} session
 * @param {Listener} listener
 * @returns {() => void} stops it
 */
export function follow(session, listener) {
  const over = new AbortController();
  let last = '';
  let failures = 0;

  /** @param {{ id: string, event: string, data: string }} message */
  const take = ({ id, event, data }) => {
    if (!data) return;
    if (event === 'node') listener.pulse(JSON.parse(data));
    else if (event === 'message') {
      last = id || last;
      listener.event(JSON.parse(data));
    }
  };

  const once = async () => {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    over.signal.addEventListener('abort', stop);
    let watch = setTimeout(stop, SILENCE_MS);
    try {
      const headers = new Headers({ accept: 'text/event-stream' });
      if (last) headers.set('last-event-id', last);
      const answer = await session.fetch(PATH, { headers, signal: attempt.signal });
      if (!answer.ok || !answer.body) throw new Error(`the stream answered ${answer.status}`);
      const parse = sseParser();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(stop, SILENCE_MS);
        failures = 0;
        listener.state('live');
        for (const message of parse(value)) take(message);
      }
    } finally {
      clearTimeout(watch);
      over.signal.removeEventListener('abort', stop);
    }
  };

  const run = async () => {
    while (!over.signal.aborted && session.state !== 'ended') {
      try {
        await once();
      } catch {
        // Whatever it was, the answer is to try again, later each time.
      }
      if (over.signal.aborted) return;
      listener.state('offline');
      const most = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures++);
      await pause(most / 2 + Math.random() * (most / 2), over.signal);
      if (!attended()) {
        listener.state('paused');
        await untilAttended(over.signal);
      }
    }
  };
  void run();
  return () => over.abort();
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve(undefined)), { once: true });
  });
}
