/** The test vectors that every guard passes, through the whole guard: keys and feed come over HTTP. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import { systemClock } from '../src/time.js';
import { guardOf, metric } from './support/guard.js';
import { beginFeed, startScript, tell } from './support/script.js';

const vectors = JSON.parse(await readFile(new URL('../../../tests/vectors/guard.json', import.meta.url), 'utf8'));
const VERDICTS = { token_invalid: 'invalid', token_expired: 'expired', session_ended: 'ended', token_stale: 'stale', forbidden: 'forbidden' };

function settingsOf(script, time) {
  const clock = { ...systemClock, now: () => time.now * 1000 };
  return { url: script.url, issuer: vectors.issuer, audience: vectors.audience, internals: { clock } };
}

async function verdictOf(guard, token, requires) {
  try {
    // Nothing comes after the messages, so that the guard falls behind.
    const claims = await guard.check(token, { behind: 'accept', ...(requires && { requires }) });
    assert.equal(guard.verdict(claims), null);
    return { verdict: 'good' };
  } catch (error) {
    const verdict = VERDICTS[error.code];
    if (!verdict) throw error;
    return { verdict, ...(error.reason && { reason: error.reason }) };
  }
}

for (const name of Object.keys(vectors.indexes)) {
  test(`tokens get their verdicts: ${name}`, async (t) => {
    const data = { ...vectors.indexes[name], more: false };
    const feed = (_turn, response) => {
      beginFeed(response);
      tell(response, { event: 'snapshot', data });
    };
    const script = await startScript(t, { jwks: vectors.jwks, feed });
    const time = { now: vectors.now };
    const guard = guardOf(t, settingsOf(script, time));
    await guard.ready;
    const cases = vectors.cases.filter(({ index }) => index === name);
    assert.ok(cases.length > 0);
    for (const { name: title, token, now, requires, verdict, reason, seq } of cases) {
      time.now = now ?? vectors.now;
      const expected = { verdict, ...(reason && { reason }) };
      assert.deepEqual(await verdictOf(guard, token, requires), expected, title);
      assert.deepEqual(await verdictOf(guard, token, requires), expected, `${title}, from memory`);
      if (!seq) continue;
      const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      assert.equal(guard.verdict(claims).seq, seq, title);
    }
  });
}

for (const { name, messages, position, fault, checks } of vectors.feeds) {
  test(`feeds take their course: ${name}`, async (t) => {
    const feed = (turn, response) => {
      beginFeed(response);
      if (turn > 1) return;
      tell(response, ...messages);
      response.end();
    };
    const script = await startScript(t, { jwks: vectors.jwks, feed });
    const guard = guardOf(t, settingsOf(script, { now: vectors.now }));
    // The second request says how far the first one came.
    await script.until(() => script.feeds.length === 2);
    assert.equal(script.feeds[1].headers['last-event-id'], position === null ? undefined : String(position));
    assert.equal(guard.position, position);
    assert.equal(metric(guard, 'feed_faults_total{fault="gap"}'), fault === 'gap' ? 1 : 0);
    assert.deepEqual(guard.errors.map(({ code }) => code), [fault ?? 'ended']);
    if (position === null) assert.equal(checks.length, 0);
    else await guard.ready;
    for (const { token, verdict, reason } of checks) {
      assert.deepEqual(await verdictOf(guard, token), { verdict, ...(reason && { reason }) });
    }
  });
}
