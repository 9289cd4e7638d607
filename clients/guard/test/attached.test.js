/** Tokens of other issuers: one question about each, and from then on the feed decides. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { hintOf } from '../src/foreign.js';
import { systemClock } from '../src/time.js';
import { guardOf, heard, metric, refusal } from './support/guard.js';
import { startIssuer } from './support/issuer.js';
import { AUDIENCE, ISSUER, makeKey } from './support/keys.js';
import { startProxy } from './support/proxy.js';
import { beginFeed, changes, hello, json, snapshot, startScript, tell } from './support/script.js';
import { startDemo } from './support/server.js';
import { farEnd, join, startIo } from './support/sockets.js';

const vectors = JSON.parse(await readFile(new URL('../../../tests/vectors/foreign.json', import.meta.url), 'utf8'));
/** How fast a machine is, is not what is tried; where it is, the test says so. */
const maxFeedLagMs = 3_600_000;
const asked = (guard) => ['active', 'inactive', 'unanswered'].map((outcome) => metric(guard, `introspections_total{outcome="${outcome}"}`));

async function inSync(guard) {
  const synced = heard(guard, 'insync');
  await guard.ready;
  if (!guard.isInSync) await synced;
}

async function attached(t, options = {}) {
  const issuer = await startIssuer(t);
  const demo = await startDemo(t, issuer.settings);
  const guard = guardOf(t, { url: demo.url, apiKey: demo.guardKey, issuer: demo.url, issuers: [issuer.url], maxFeedLagMs, ...options });
  await inSync(guard);
  return { issuer, demo, guard };
}

test('one question for ten thousand requests, and a revocation here denies it with the receipt', async (t) => {
  const { issuer, demo, guard } = await attached(t);
  const token = await issuer.token('anna', 's1');
  const all = await Promise.all(Array.from({ length: 50 }, () => guard.check(token)));
  const claims = guard.decide(token);
  assert.ok(all.every((it) => it === claims));
  for (let turn = 0; turn < 10_000; turn += 1) guard.decide(token);
  assert.deepEqual(asked(guard), [1, 0, 0]);
  const receipt = await demo.api('DELETE', `/v1/sessions/${claims.sid}?wait_ms=10000`);
  assert.deepEqual(receipt.guards, { following: 1, applied: 1 });
  assert.throws(() => guard.decide(token), { code: 'session_ended', reason: 'revoked_by_admin' });
  assert.deepEqual(asked(guard), [1, 0, 0]);
  assert.equal((await guard.check(await issuer.token('anna', 's2'))).sub, claims.sub);
  const plain = guardOf(t, { url: demo.url, apiKey: demo.guardKey, issuer: demo.url, maxFeedLagMs });
  await inSync(plain);
  assert.equal(await refusal(plain, token), 'token_invalid');
  assert.deepEqual(asked(plain), [0, 0, 0]);
  const late = guardOf(t, { url: demo.url, apiKey: demo.guardKey, issuer: demo.url, issuers: [issuer.url], maxFeedLagMs });
  await inSync(late);
  assert.equal(await refusal(late, token), 'token_invalid');
});

test('changed rights hold from the next request on', async (t) => {
  const { issuer, demo, guard } = await attached(t);
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  const token = await issuer.token('anna', 's1');
  const route = { requires: 'reports:read' };
  assert.equal(await refusal(guard, token, route), 'forbidden');
  const { sub } = guard.decide(token);
  await demo.api('PUT', `/v1/groups/${analysts.id}/members/${sub}?wait_ms=10000`, {});
  const all = await Promise.all(Array.from({ length: 50 }, () => refusal(guard, token, route)));
  assert.deepEqual([...new Set(all)], [null]);
  assert.deepEqual(asked(guard), [2, 0, 0]);
  await demo.api('DELETE', `/v1/groups/${analysts.id}/members/${sub}?wait_ms=10000`);
  assert.equal(await refusal(guard, token, route), 'forbidden');
  assert.equal(await refusal(guard, token, route), 'forbidden');
  assert.deepEqual(asked(guard), [3, 0, 0]);
});

test('an outage takes away what was never seen', async (t) => {
  const issuer = await startIssuer(t);
  const demo = await startDemo(t, issuer.settings);
  const proxy = await startProxy(t, demo.url);
  const options = { url: proxy.url, apiKey: demo.guardKey, issuer: demo.url, issuers: [issuer.url] };
  const patient = guardOf(t, { ...options, maxFeedLagMs });
  const guard = guardOf(t, { ...options, maxFeedLagMs: 1_500 });
  await inSync(patient);
  await inSync(guard);
  const [seen, unseen] = [await issuer.token('anna', 's1'), await issuer.token('ben', 's1')];
  await patient.check(seen);
  while (await refusal(guard, seen)) await setTimeout(5);
  proxy.cut();
  assert.equal(await refusal(patient, seen), null);
  assert.equal(await refusal(patient, unseen), 'cannot_decide');
  while ((await refusal(guard, seen)) !== 'cannot_decide') await setTimeout(5);
  assert.equal(await refusal(guard, seen, { behind: 'accept' }), null);
  assert.equal(await refusal(guard, unseen, { behind: 'accept' }), 'cannot_decide');
  assert.equal(await refusal(guard, seen, { behind: 'introspect' }), 'cannot_decide');
  proxy.mend();
  while (await refusal(guard, unseen)) await setTimeout(5);
});

test('invented tokens cost a bounded number of questions', async (t) => {
  let uptime = 100_000;
  const clock = { ...systemClock, uptime: () => uptime };
  const { issuer, guard } = await attached(t, { internals: { clock } });
  const [known, whole] = [await issuer.token('anna', 's1'), await issuer.token('ben', 's1')];
  await guard.check(known);
  const other = await issuer.token('anna', 's1', { iss: 'https://elsewhere.example' });
  const over = await issuer.token('anna', 's1', { exp: Math.floor(Date.now() / 1000) - 400 });
  assert.equal(await refusal(guard, other), 'token_invalid');
  assert.equal(await refusal(guard, over), 'token_expired');
  assert.equal(await refusal(guard, whole.replace(/\.[^.]+$/, '')), 'token_invalid');
  assert.deepEqual(asked(guard), [1, 0, 0]);
  const forged = await issuer.token('ben', 's1', {}, await makeKey('k1'));
  for (let turn = 0; turn < 3; turn += 1) assert.equal(await refusal(guard, forged), 'token_invalid');
  assert.deepEqual(asked(guard), [1, 1, 0]);
  uptime += 10_000;
  assert.equal(await refusal(guard, forged), 'token_invalid');
  assert.deepEqual(asked(guard), [1, 2, 0]);
  const refused = { token_invalid: 0, cannot_decide: 0 };
  for (let number = 0; number < 1_010; number += 1) {
    refused[await refusal(guard, whole.replace(/[^.]+$/, String(number).padStart(8, '0')))] += 1;
  }
  assert.deepEqual(refused, { token_invalid: 999, cannot_decide: 11 });
  assert.equal(await refusal(guard, known), null);
  assert.equal(await refusal(guard, whole), 'cannot_decide');
  uptime += 1_000;
  assert.equal(await refusal(guard, whole), null);
});

/** A scripted server that answers questions when the test says so. */
async function scripted(t) {
  const questions = [];
  const answers = { '/oauth/introspect': (_seen, response) => questions.push((claims) => json(response, 200, { active: true, ...claims })) };
  let feed;
  const script = await startScript(t, {
    answers,
    feed: (_turn, response) => {
      feed = response;
      beginFeed(response);
      tell(response, hello(100), snapshot(100));
    },
  });
  const issuer = await startIssuer(t);
  const guard = guardOf(t, { url: script.url, issuer: ISSUER, audience: AUDIENCE, issuers: [issuer.url], maxFeedLagMs });
  await inSync(guard);
  const claims = { ...vectors.answers[0].answer, iss: ISSUER, aud: AUDIENCE, exp: Math.floor(Date.now() / 1000) + 600 };
  const hear = async (...messages) => {
    const changed = heard(guard, 'change');
    tell(feed, ...messages);
    await changed;
  };
  const question = async (number) => {
    await script.until(() => script.requests.filter(({ path }) => path === '/oauth/introspect').length === number);
    return questions[number - 1];
  };
  return { guard, token: await issuer.token('anna', 's1'), claims, hear, question };
}

const soon = Math.floor(Date.now() / 1000) + 3600;

test('an answer that is older than what was applied meanwhile', async (t) => {
  const { guard, token, claims, hear, question } = await scripted(t);
  const checked = guard.check(token, { requires: 'reports:read' });
  const first = await question(1);
  await hear(changes(100, 105, [{ kind: 'user_rights_changed', user_id: claims.sub, seq: 105, keep_until: soon }]));
  first({ ...claims, as_of: 104 });
  (await question(2))({ ...claims, as_of: 106, permissions: ['reports:read'] });
  assert.equal((await checked).as_of, 106);

  const ended = refusal(guard, `${token}x`);
  const third = await question(3);
  await hear(changes(105, 107, [{ kind: 'session_ended', session_id: claims.sid, reason: 'signed_out', seq: 107, keep_until: soon }]));
  third({ ...claims, as_of: 106 });
  assert.equal(await ended, 'session_ended signed_out');
  assert.equal(await refusal(guard, token), 'session_ended signed_out');
});

test('an answer that is younger than what was applied', async (t) => {
  const { guard, token, claims, hear, question } = await scripted(t);
  const checked = guard.check(token);
  (await question(1))({ ...claims, as_of: 110 });
  assert.equal((await checked).as_of, 110);
  const rights = (seq) => ({ kind: 'user_rights_changed', user_id: claims.sub, seq, keep_until: soon });
  await hear(changes(100, 109, [rights(109)]));
  assert.equal(guard.decide(token).as_of, 110);
  await hear(changes(109, 111, [rights(111)]));
  // Rights that change with every answer can't be told, and are not asked for without end.
  const undecided = refusal(guard, token);
  for (const number of [2, 3, 4]) (await question(number))({ ...claims, as_of: 110 });
  assert.equal(await undecided, 'cannot_decide');
});

test('a socket of such a token hears of its end', async (t) => {
  const { issuer, demo, guard } = await attached(t);
  const { io, url } = await startIo(t, guard);
  const token = await issuer.token('anna', 's1');
  const client = join(t, url, token);
  assert.equal((await client.answer())[0], 'connect');
  const { sid } = farEnd(io, client).data.auth;
  await demo.api('DELETE', `/v1/sessions/${sid}`);
  assert.equal((await client.heard('close')).code, 4501);
  assert.deepEqual(await join(t, url, token).answer(), ['connect_error', { code: 'session_ended', reason: 'revoked_by_admin' }]);
});

test('hints and answers are read as the vectors say', async (t) => {
  for (const { name, token, iss, over } of vectors.hints) {
    const hint = hintOf(token);
    assert.equal(hint?.iss ?? null, iss, name);
    assert.equal(typeof hint?.exp === 'number' && hint.exp <= vectors.now, over, name);
  }
  const whole = vectors.hints[0];
  let answer;
  const answers = { '/oauth/introspect': (_seen, response) => json(response, 200, answer) };
  const feed = (_turn, response) => {
    beginFeed(response);
    tell(response, hello(100), snapshot(100));
  };
  const script = await startScript(t, { answers, feed });
  const clock = { ...systemClock, now: () => vectors.now * 1000 };
  const options = { url: script.url, issuer: vectors.issuer, audience: vectors.audience, issuers: [whole.iss], maxFeedLagMs, internals: { clock } };
  const guard = guardOf(t, options);
  await inSync(guard);
  for (const [number, { name, answer: given, said }] of vectors.answers.entries()) {
    answer = given;
    const expected = { active: null, inactive: 'token_invalid', unanswered: 'cannot_decide' }[said];
    assert.equal(await refusal(guard, `${whole.token}${number}`), expected, name);
  }
});

test('issuers that can be none are refused', () => {
  const options = { url: 'https://s.example', apiKey: 'swk_x', issuer: ISSUER, audience: AUDIENCE };
  for (const issuers of ['https://x.example', [''], [ISSUER], [7]]) {
    assert.throws(() => guardOf({ after: () => {} }, { ...options, issuers }), /issuers/);
  }
});
