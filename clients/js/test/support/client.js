/**
 * Sessions for tests: opened with `ws`, closed with the test, and waited for by their events. It may not
 * know the server.
 */

import { WebSocket } from 'ws';

import { createSession } from '../../src/index.js';

/** Counts the sockets that are open or opening, so that a duplicate is seen. */
export function countingSockets() {
  const count = { now: 0, most: 0, made: 0, all: [] };
  class Counting extends WebSocket {
    constructor(...args) {
      super(...args);
      count.made += 1;
      count.all.push(this);
      count.now = count.all.filter((socket) => socket.readyState <= WebSocket.OPEN).length;
      count.most = Math.max(count.most, count.now);
    }
  }
  return { WebSocket: Counting, count };
}

export function open(t, url, options = {}) {
  const session = createSession({ url, WebSocket, device: { name: 'Test', platform: 'desktop' }, ...options });
  session.errors = [];
  session.on('error', (error) => session.errors.push(error));
  t.after(() => session.close());
  return session;
}

/** A session of this person, live. */
export async function signedIn(t, url, { username, password }, options) {
  const session = open(t, url, options);
  const result = await session.signIn({ username, password });
  if (result.outcome !== 'signed_in') throw new Error(`not signed in: ${result.outcome}`);
  await until(session, () => session.state === 'live');
  return session;
}

/** Waits for an event. */
export function heard(session, name, accept = () => true) {
  return new Promise((resolve) => {
    const off = session.on(name, (event) => {
      if (!accept(event)) return;
      off();
      resolve(event);
    });
  });
}

/** Waits until something is so; looks again at each change. */
export async function until(session, holds) {
  while (!holds()) await heard(session, 'change');
}

/** A storage that several sessions can share, as tabs share localStorage. */
export function sharedStorage(texts = new Map()) {
  return {
    texts,
    get: (key) => texts.get(key) ?? null,
    set: (key, text) => void texts.set(key, text),
    remove: (key) => void texts.delete(key),
  };
}

/** A fetch whose answers to some requests are held back until they are let go. */
export function holdingFetch(matches) {
  const held = [];
  const waiting = [];
  const hold = async (input, init) => {
    const response = await fetch(input, init);
    if (!matches(String(input))) return response;
    const text = await response.text();
    await new Promise((release) => {
      held.push(release);
      waiting.shift()?.();
    });
    return new Response(text, { status: response.status, headers: response.headers });
  };
  return {
    fetch: hold,
    /** Resolves when an answer is there and held. */
    arrived: () => (held.length > 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    release: () => held.splice(0).forEach((release) => release()),
  };
}
