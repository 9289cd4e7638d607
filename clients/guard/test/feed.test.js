/** The proofs: nothing is accepted after a receipt, and nothing is skipped, whatever is cut or restarted. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';

import { guardOf, heard, metric, refusal } from './support/guard.js';
import { startProxy } from './support/proxy.js';
import { signIn, startDemo, startServe } from './support/server.js';

const LAG_MS = 1500;

async function cuttable(t, options = {}) {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, demo.url);
  const guard = guardOf(t, { url: proxy.url, apiKey: demo.guardKey, issuer: demo.url, maxFeedLagMs: LAG_MS, ...options });
  await guard.ready;
  return { demo, proxy, guard, anna: demo.users[0], ben: demo.users[1] };
}

/** Events of the log, of one type, once there are so many. */
async function events(demo, type, count) {
  for (;;) {
    const { items } = await demo.api('GET', `/v1/events?type=${type}`);
    if (items.length >= count) return items;
    await setImmediate();
  }
}

test('revoked while its token is checked as fast as can be: after the receipt not one more accept', async (t) => {
  const { demo, guard, anna } = await cuttable(t);
  for (let turn = 0; turn < 10; turn += 1) {
    const { id, token } = await signIn(demo.url, anna);
    await guard.check(token);
    let isApplied = false;
    let isOver = false;
    const count = { accepted: 0, refused: 0, late: 0 };
    const checking = (async () => {
      while (!isOver) {
        for (let at = 0; at < 200; at += 1) {
          const said = await refusal(guard, token);
          if (said === null && isApplied) count.late += 1;
          if (said === null) count.accepted += 1;
          else count.refused += 1;
        }
        // The feed and the receipt come by the same loop.
        await setImmediate();
      }
    })();
    while (count.accepted < 5_000) await setImmediate();
    const receipt = await demo.api('DELETE', `/v1/sessions/${id}`);
    assert.deepEqual(receipt.guards, { following: 1, applied: 1 });
    isApplied = true;
    while (count.accepted + count.refused < 10_000 || count.refused < 1_000) await setImmediate();
    isOver = true;
    await checking;
    assert.equal(count.late, 0);
  }
});

for (const behind of ['refuse', 'introspect', 'accept']) {
  test(`the feed is cut: ${behind}, within the lag, and back by itself`, async (t) => {
    const { demo, proxy, guard, anna, ben } = await cuttable(t, { behind });
    const [good, bad, known] = [await signIn(demo.url, anna), await signIn(demo.url, ben), await signIn(demo.url, ben)];
    for (const { token } of [good, bad, known]) await guard.check(token);
    await demo.api('DELETE', `/v1/sessions/${known.id}`);

    const lagging = heard(guard, 'lag');
    const cutAt = performance.now();
    proxy.cut();
    assert.equal(await refusal(guard, good.token), null, 'young knowledge is good enough');
    await demo.api('DELETE', `/v1/sessions/${bad.id}`);
    const { lagMs } = await lagging;
    assert.ok(lagMs > LAG_MS);
    // A timer's delay is the loop's, which has other things to do.
    assert.ok(performance.now() - cutAt < LAG_MS + 500);
    assert.equal(guard.isInSync, false);
    assert.equal(metric(guard, 'fresh'), 0);
    assert.equal(await refusal(guard, known.token), 'session_ended revoked_by_admin', 'what is known stays known');

    // The server can't be asked either: what it would be asked for is refused.
    const expected = { refuse: 'cannot_decide', introspect: 'cannot_decide', accept: null }[behind];
    assert.equal(await refusal(guard, good.token), expected);
    assert.equal(await refusal(guard, good.token, { behind: 'refuse' }), 'cannot_decide');
    assert.equal(await refusal(guard, good.token, { behind: 'accept' }), null);
    assert.equal(await refusal(guard, good.token, { behind: 'accept', requires: 'no:such' }), 'forbidden');

    const changed = heard(guard, 'change');
    const back = heard(guard, 'insync');
    proxy.mend();
    await back;
    await changed;
    assert.equal(await refusal(guard, good.token), null);
    assert.equal(await refusal(guard, bad.token), 'session_ended revoked_by_admin');
    assert.equal(metric(guard, 'feed_resets_total'), 0);
  });
}

test('behind, but the server can be asked: it decides', async (t) => {
  const { demo, guard, proxy, anna, ben } = await cuttable(t, { behind: 'introspect' });
  const [good, bad] = [await signIn(demo.url, anna), await signIn(demo.url, ben)];
  for (const { token } of [good, bad]) await guard.check(token);
  // Connections that are there stay silent; new ones come through.
  proxy.hold();
  await heard(guard, 'lag');
  await demo.api('DELETE', `/v1/sessions/${bad.id}`);
  proxy.mendNew();
  assert.equal(await refusal(guard, good.token), null);
  assert.equal(await refusal(guard, good.token, { requires: 'billing:read' }), 'forbidden');
  assert.equal(await refusal(guard, bad.token), 'token_stale');
  assert.equal(metric(guard, 'introspections_total{outcome="active"}'), 2);
  assert.equal(metric(guard, 'introspections_total{outcome="inactive"}'), 1);
});

test('a key that may ask but not follow: the server decides from the start', async (t) => {
  const demo = await startDemo(t);
  const { key } = await demo.api('POST', '/v1/api-keys', { name: 'asker', scopes: ['verify'] });
  const guard = guardOf(t, { url: demo.url, apiKey: key, issuer: demo.url, behind: 'introspect' });
  await heard(guard, 'error', ({ code }) => code === 'refused');
  const { id, token } = await signIn(demo.url, demo.users[0]);
  assert.equal(await refusal(guard, token), null);
  await demo.api('DELETE', `/v1/sessions/${id}`);
  assert.equal(await refusal(guard, token), 'token_stale');
});

test('a feed that falls silent is cut and come back to', async (t) => {
  const { demo, guard, proxy, anna } = await cuttable(t);
  const { token } = await signIn(demo.url, anna);
  await guard.check(token);
  const silent = heard(guard, 'error', ({ code }) => code === 'silent');
  proxy.hold();
  await heard(guard, 'lag');
  assert.equal(await refusal(guard, token), 'cannot_decide');
  await silent;
  const back = heard(guard, 'insync');
  proxy.mend();
  await back;
  assert.equal(await refusal(guard, token), null);
});

test('what was accepted too late is told to the server', async (t) => {
  const { demo, guard, proxy, anna, ben } = await cuttable(t, { behind: 'accept' });
  const [bad, good] = [await signIn(demo.url, anna), await signIn(demo.url, ben)];
  await guard.check(bad.token, { what: 'GET /before' });
  proxy.cut();
  await heard(guard, 'error');
  const { seq } = await demo.api('DELETE', `/v1/sessions/${bad.id}`);
  for (let turn = 0; turn < 3; turn += 1) await guard.check(bad.token, { what: 'GET /reports' });
  await guard.check(bad.token, { what: `POST /${'x'.repeat(300)}\n` });
  await guard.check(good.token, { what: 'GET /reports' });
  proxy.mend();
  const told = await events(demo, 'token.late_use', 2);
  assert.equal(told.length, 2);
  const reports = told.find(({ data }) => data.what === 'GET /reports');
  assert.deepEqual([reports.data.count, reports.data.verdict], [3, 'session_ended']);
  assert.equal(reports.data.change_seq, seq);
  assert.ok(told.some(({ data }) => data.what === `POST /${'x'.repeat(194)}`));
  while (metric(guard, 'late_uses_total{state="reported"}') < 2) await setImmediate();
  assert.equal(metric(guard, 'late_uses_total{state="lost"}'), 0);
});

test('a late use by rights that had changed', async (t) => {
  const { demo, guard, proxy, ben } = await cuttable(t, { behind: 'accept' });
  const { token } = await signIn(demo.url, ben);
  await guard.check(token);
  proxy.cut();
  await heard(guard, 'error');
  const accounting = demo.groups.find(({ name }) => name === 'accounting');
  await demo.api('PUT', `/v1/groups/${accounting.id}/permissions`, { permissions: [] });
  await guard.check(token, { what: 'GET /bills', requires: 'billing:read' });
  proxy.mend();
  const [{ data }] = await events(demo, 'token.late_use', 1);
  assert.deepEqual([data.what, data.count, data.verdict], ['GET /bills', 1, 'token_stale']);
});

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`the server is restarted (${signal}): nothing is skipped`, async (t) => {
    const server = await startServe(t, { SESSIONWIRE_DRAIN_S: '0' });
    await server.start();
    const proxy = await startProxy(t, server.url);
    const person = { username: 'ann', password: 'a good long password' };
    await server.api('POST', '/v1/users', { ...person, display_name: 'Ann' });
    const { key } = await server.api('POST', '/v1/api-keys', { name: 'guard', scopes: ['feed'] });
    const guard = guardOf(t, { url: proxy.url, apiKey: key, issuer: server.url });
    await guard.ready;
    const sessions = [];
    for (let turn = 0; turn < 4; turn += 1) sessions.push(await signIn(server.url, person));
    for (const { token } of sessions) await guard.check(token);
    const end = ({ id }) => server.api('DELETE', `/v1/sessions/${id}`);
    const code = 'session_ended revoked_by_admin';

    await end(sessions[0]);
    assert.equal(await refusal(guard, sessions[0].token), code);
    let snapshots = 0;
    guard.on('snapshot', () => (snapshots += 1));
    // One before the restart, of which the guard hears nothing, one after it, before the guard is back.
    const seen = new Set();
    guard.on('change', ({ changes }) => changes.forEach(({ session_id: id }) => seen.add(id)));
    const cut = heard(guard, 'error');
    proxy.cut();
    await cut;
    await end(sessions[1]);
    await server.stop(signal);
    await server.start();
    await end(sessions[2]);
    const caughtUp = heard(guard, 'change', () => seen.has(sessions[2].id));
    proxy.mend();
    await caughtUp;
    assert.deepEqual([...seen], [sessions[1].id, sessions[2].id]);
    for (const { token } of sessions.slice(0, 3)) assert.equal(await refusal(guard, token), code);
    assert.equal(await refusal(guard, sessions[3].token), null);
    assert.equal(snapshots, 0, 'it went on from its position');

    // The service restarts: a new guard knows it all.
    guard.close();
    const next = guardOf(t, { url: proxy.url, apiKey: key, issuer: server.url });
    await next.ready;
    for (const { token } of sessions.slice(0, 3)) assert.equal(await refusal(next, token), code);
    assert.equal(await refusal(next, sessions[3].token), null);
  });
}

test('a key that is revoked ends the feed, and is reported', async (t) => {
  const { demo, guard, anna } = await cuttable(t);
  const { token } = await signIn(demo.url, anna);
  await guard.check(token);
  const { items } = await demo.api('GET', '/v1/api-keys');
  const { id } = items.find(({ name }) => name === 'guard');
  const refused = heard(guard, 'error', ({ code }) => code === 'refused');
  await demo.api('DELETE', `/v1/api-keys/${id}`);
  await refused;
  await heard(guard, 'lag');
  assert.equal(await refusal(guard, token), 'cannot_decide');
});
