/**
 * Guards for tests: closed with the test, and waited for by their events. It may not know the server.
 */

import { createGuard } from '../../src/index.js';

export function guardOf(t, options) {
  const guard = createGuard({ apiKey: 'swk_test', issuer: 'https://sessions.example', audience: 'sessionwire', ...options });
  guard.errors = [];
  guard.on('error', (error) => guard.errors.push(error));
  t.after(() => guard.close());
  return guard;
}

/** Waits for an event. */
export function heard(guard, name, accept = () => true) {
  return new Promise((resolve) => {
    const off = guard.on(name, (event) => {
      if (!accept(event)) return;
      off();
      resolve(event);
    });
  });
}

/** The code with which a check refuses; null where it accepts. */
export async function refusal(guard, token, route) {
  try {
    await guard.check(token, route);
    return null;
  } catch (error) {
    if (error.name !== 'GuardError') throw error;
    return error.reason ? `${error.code} ${error.reason}` : error.code;
  }
}

/** A counter or gauge of the guard's metrics. */
export function metric(guard, name) {
  const line = guard.metrics().split('\n').find((it) => it.startsWith(`sessionwire_guard_${name} `));
  if (!line) throw new Error(`there is no metric ${name}`);
  return Number(line.split(' ').at(-1));
}
