/** A guard beside the real server: what it accepts, what it refuses, and when. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { createGuard } from '../src/index.js';
import { systemClock } from '../src/time.js';
import { guardOf, heard, metric, refusal } from './support/guard.js';
import { refreshed, signIn, startDemo } from './support/server.js';

async function guarded(t, options = {}) {
  const demo = await startDemo(t);
  const guard = guardOf(t, { url: demo.url, apiKey: demo.guardKey, issuer: demo.url, ...options });
  await guard.ready;
  return { demo, guard, anna: demo.users[0], ben: demo.users[1] };
}

test('a good token gives its claims, at once where it was seen before', async (t) => {
  const { demo, guard, anna } = await guarded(t);
  const session = await signIn(demo.url, anna);
  const claims = await guard.check(session.token, { requires: 'reports:read', what: 'GET /reports' });
  const { sub, sid, device_id: deviceId, groups, permissions } = claims;
  assert.deepEqual({ sub, sid, deviceId }, { sub: anna.id, sid: session.id, deviceId: session.deviceId });
  assert.deepEqual([...groups].sort(), [...anna.groups].sort());
  assert.ok(permissions.includes('reports:read'));
  assert.equal(guard.decide(session.token), claims);
  assert.throws(() => claims.permissions.push('everything'), TypeError);
  assert.equal(await refusal(guard, session.token, { requires: 'billing:read' }), 'forbidden');
  assert.equal(metric(guard, 'checks_total{verdict="good"}'), 2);
  assert.equal(metric(guard, 'checks_total{verdict="forbidden"}'), 1);
  assert.equal(metric(guard, 'cache_total{outcome="miss"}'), 1);
  assert.equal(metric(guard, 'cache_total{outcome="hit"}'), 2);
  assert.equal(metric(guard, 'fresh'), 1);
});

test('no token, no token that could be one', async (t) => {
  const { guard } = await guarded(t);
  for (const nothing of [undefined, null]) assert.equal(await refusal(guard, nothing), 'token_missing');
  for (const wrong of ['', 'x', 'a.b.c', 'x'.repeat(100_000), 7, {}]) assert.equal(await refusal(guard, wrong), 'token_invalid');
});

test('a receipt counts the guard from its start on, and after it nothing is accepted', async (t) => {
  const { demo, guard, anna } = await guarded(t);
  const [phone, laptop] = [await signIn(demo.url, anna), await signIn(demo.url, anna)];
  await guard.check(phone.token);
  await guard.check(laptop.token);
  const changed = heard(guard, 'change');
  const receipt = await demo.api('DELETE', `/v1/sessions/${phone.id}`);
  assert.deepEqual(receipt.guards, { following: 1, applied: 1 });
  assert.equal(await refusal(guard, phone.token), 'session_ended revoked_by_admin');
  assert.equal(await refusal(guard, laptop.token), null);
  const { seq, changes } = await changed;
  assert.equal(seq, receipt.seq);
  assert.deepEqual(changes.map(({ kind, session_id: id }) => [kind, id]), [['session_ended', phone.id]]);
  assert.equal(guard.position, receipt.seq);
});

test('rights that change make tokens stale until they are refreshed', async (t) => {
  const { demo, guard, anna, ben } = await guarded(t);
  const [annas, bens] = [await signIn(demo.url, anna), await signIn(demo.url, ben)];
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  const { receipt } = await demo.api('PUT', `/v1/groups/${analysts.id}/permissions`, { permissions: ['reports:read'] });
  assert.equal(receipt.guards.applied, 1);
  assert.equal(await refusal(guard, annas.token), 'token_stale');
  assert.equal(await refusal(guard, bens.token), null);
  const fresh = await refreshed(demo.url, annas);
  assert.equal(await refusal(guard, fresh.token), null);
  assert.equal(await refusal(guard, fresh.token, { requires: 'reports:export' }), 'forbidden');
});

test('what a retired key signed is refused, and sessions go on', async (t) => {
  const { demo, guard, anna } = await guarded(t);
  const session = await signIn(demo.url, anna);
  const { kid } = await guard.check(session.token);
  const receipt = await demo.api('DELETE', `/v1/signing-keys/${kid}`);
  assert.deepEqual(receipt.guards, { following: 1, applied: 1 });
  assert.equal(await refusal(guard, session.token), 'token_invalid');
  const fresh = await refreshed(demo.url, session);
  assert.equal(await refusal(guard, fresh.token), null);
  const late = guardOf(t, { url: demo.url, apiKey: demo.guardKey, issuer: demo.url });
  await late.ready;
  assert.equal(await refusal(late, session.token), 'token_invalid');
});

test('everybody, and a suspended user', async (t) => {
  const { demo, guard, anna, ben } = await guarded(t);
  const [annas, bens] = [await signIn(demo.url, anna), await signIn(demo.url, ben)];
  await demo.api('POST', `/v1/users/${ben.id}/suspend`);
  assert.equal(await refusal(guard, bens.token), 'session_ended user_suspended');
  assert.equal(await refusal(guard, annas.token), null);
  await demo.api('POST', '/v1/revoke-all', {});
  assert.equal(await refusal(guard, annas.token), 'session_ended revoke_all');
  assert.equal(await refusal(guard, (await signIn(demo.url, anna)).token), null);
});

test('a new key is fetched when a token names it', async (t) => {
  const { demo, guard, anna } = await guarded(t);
  const before = await signIn(demo.url, anna);
  await demo.api('POST', '/v1/signing-keys', {});
  // A new key is listed for some seconds before it signs.
  let after = before;
  while (after.token.split('.')[0] === before.token.split('.')[0]) {
    await setTimeout(200);
    after = await refreshed(demo.url, after);
  }
  // All at once: the keys are fetched once.
  const all = await Promise.all(Array.from({ length: 20 }, () => refusal(guard, after.token)));
  assert.deepEqual([...new Set(all)], [null]);
  assert.equal(metric(guard, 'key_fetches_total{outcome="done"}'), 2);
  assert.equal(await refusal(guard, before.token), null);
  const invented = Buffer.from('{"typ":"at+jwt","alg":"ES256","kid":"invented"}').toString('base64url');
  assert.equal(await refusal(guard, after.token.replace(/^[^.]+/, invented)), 'token_invalid');
  assert.equal(metric(guard, 'key_fetches_total{outcome="done"}'), 2);
});

test('a later session of a user fences the earlier one off', async (t) => {
  const { demo, guard, anna, ben } = await guarded(t);
  const [first, second] = [await signIn(demo.url, anna), await signIn(demo.url, anna)];
  const fenced = guard.fenced(anna.id);
  assert.equal(fenced.fence, 0);
  const old = await guard.check(first.token);
  fenced.admit(old);
  assert.equal(fenced.fence, old.fence);
  const young = await guard.check(second.token);
  assert.ok(young.fence > old.fence);
  assert.equal(fenced.fence, young.fence);
  assert.throws(() => fenced.admit(old), { name: 'GuardError', code: 'fenced', status: 409 });
  assert.equal(await refusal(guard, first.token), null);
  assert.equal(fenced.fence, young.fence);
  fenced.admit(young);
  const bens = await guard.check((await signIn(demo.url, ben)).token);
  assert.throws(() => fenced.admit(bens), { code: 'fenced' });
  assert.equal(metric(guard, 'fenced_total'), 2);
});

test('a machine that slept does not decide by what it knew before', async (t) => {
  let sleptMs = 0;
  // Uptime stands still meanwhile.
  const clock = { ...systemClock, now: () => Date.now() + sleptMs };
  const { demo, guard, anna } = await guarded(t, { internals: { clock } });
  const { token } = await signIn(demo.url, anna);
  await guard.check(token);
  sleptMs = 60_000;
  assert.equal(await refusal(guard, token), 'cannot_decide');
  assert.equal(guard.isInSync, false);
  // The next that is heard makes it good again.
  while (!guard.isInSync) await setTimeout(20);
  assert.equal(await refusal(guard, token), null);
});

test('a key that the server does not take is reported, and the guard does not decide', async (t) => {
  const demo = await startDemo(t);
  const guard = guardOf(t, { url: demo.url, apiKey: 'swk_wrong', issuer: demo.url });
  assert.equal((await heard(guard, 'error')).code, 'refused');
  const { token } = await signIn(demo.url, demo.users[0]);
  assert.equal(await refusal(guard, token), 'cannot_decide');
  assert.equal(await refusal(guard, token, { behind: 'accept' }), null);
  guard.close();
  await assert.rejects(guard.ready, /closed/);
});

test('accepting before the first snapshot has to be said for the route', async (t) => {
  const demo = await startDemo(t);
  const guard = guardOf(t, { url: demo.url, apiKey: 'swk_wrong', issuer: demo.url, behind: 'accept' });
  await heard(guard, 'error');
  const { token } = await signIn(demo.url, demo.users[0]);
  assert.equal(await refusal(guard, token), 'cannot_decide');
  assert.equal(await refusal(guard, token, { behind: 'accept' }), null);
});

test('a closed guard leaves nothing that keeps the process going', async (t) => {
  const demo = await startDemo(t);
  const { token } = await signIn(demo.url, demo.users[0]);
  const module = new URL('../src/index.js', import.meta.url).href;
  const program = `
    import { createGuard } from ${JSON.stringify(module)};
    const guard = createGuard(${JSON.stringify({ url: demo.url, apiKey: demo.guardKey, issuer: demo.url, audience: 'sessionwire' })});
    await guard.ready;
    await guard.check(${JSON.stringify(token)});
    guard.close();
    const since = performance.now();
    process.on('exit', () => console.log(performance.now() - since));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (data) => (said += data));
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  // The shortest of its waits and bounds is longer.
  assert.ok(Number(said) < 150, said);
});

test('what is misspelt or of no use is refused', async (t) => {
  const good = { url: 'http://127.0.0.1:1', apiKey: 'swk_x', issuer: 'i', audience: 'a' };
  const wrong = [
    { maxFeedLag: 2 }, { url: 'ftp://x' }, { url: 'sessions.example' }, { apiKey: '' }, { apiKey: 'a b' }, { issuer: '' },
    { audience: undefined }, { maxFeedLagMs: 10 }, { behind: 'acept' }, { cacheSize: -1 }, { leewayS: 600 },
  ];
  for (const option of wrong) assert.throws(() => createGuard({ ...good, ...option }), TypeError, JSON.stringify(option));
  const guard = guardOf(t, good);
  const routes = [{ require: 'x' }, { requires: '' }, { requires: ['x'] }, { behind: 'acept' }];
  for (const route of [...routes, { staleGraceMs: -1 }, { what: 'x' }]) assert.throws(() => guard.socketio(route), TypeError, JSON.stringify(route));
  for (const make of ['express', 'koa', 'fastify']) {
    for (const route of routes) assert.throws(() => guard[make](route), TypeError, JSON.stringify(route));
  }
  await assert.rejects(guard.check('x', { require: 'x' }), TypeError);
});
