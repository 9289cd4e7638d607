/** Signing in where the policy's limit is reached: the four answers, against the real server. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { startDemo } from './support/server.js';
import { heard, holdingFetch, open, signedIn, until } from './support/client.js';

async function atLimit(t, atLimit, settings) {
  const demo = await startDemo(t, settings);
  const anna = demo.users[0];
  await demo.api('PUT', `/v1/policies/users/${anna.id}`, { max_sessions: 1, count_by: 'user', at_limit: atLimit });
  const old = await signedIn(t, demo.url, anna, { device: { name: "Anna's iPad", platform: 'ios' } });
  const fresh = open(t, demo.url, { device: { name: 'Laptop', platform: 'web' } });
  return { demo, anna, old, fresh };
}

test('evict_oldest: the older device ends and hears by which', async (t) => {
  const { anna, old, fresh } = await atLimit(t, 'evict_oldest');
  const ended = heard(old, 'ended');
  const result = await fresh.signIn(anna);
  assert.equal(result.outcome, 'signed_in');
  const { reason, replacedBy } = await ended;
  assert.equal(reason, 'superseded');
  assert.deepEqual(replacedBy, { deviceName: 'Laptop', platform: 'web' });
  assert.deepEqual(old.ended.replacedBy, replacedBy);
});

test('reject: refused, with the devices that have the seats', async (t) => {
  const { anna, old, fresh } = await atLimit(t, 'reject');
  const result = await fresh.signIn(anna);
  assert.equal(result.outcome, 'refused');
  assert.equal(result.takeOver, undefined);
  assert.equal(result.sessions.length, 1);
  assert.equal(result.sessions[0].deviceName, "Anna's iPad");
  assert.equal(result.sessions[0].platform, 'ios');
  assert.ok(Date.parse(result.sessions[0].lastActiveAt));
  assert.equal(fresh.state, 'ended');
  assert.equal(old.state, 'live');
});

test('ask: refused with takeOver, which signs the older device out', async (t) => {
  const { anna, old, fresh } = await atLimit(t, 'ask');
  const refused = await fresh.signIn(anna);
  assert.equal(refused.outcome, 'refused');
  assert.equal(old.state, 'live');
  const ended = heard(old, 'ended');
  const result = await refused.takeOver();
  assert.equal(result.outcome, 'signed_in');
  assert.equal((await ended).reason, 'superseded');
  await until(fresh, () => fresh.state === 'live');
  await assert.rejects(refused.takeOver(), { code: 'token_invalid' }, 'good once');
});

test('approve: the older device is asked; approving lets the other in', async (t) => {
  const { anna, old, fresh } = await atLimit(t, 'approve');
  const asked = heard(old, 'takeoverrequest');
  const pending = await fresh.signIn(anna);
  assert.equal(pending.outcome, 'pending');
  assert.ok(Date.parse(pending.expiresAt));
  const request = await asked;
  assert.equal(request.deviceName, 'Laptop');
  assert.equal(request.platform, 'web');
  const ended = heard(old, 'ended');
  assert.equal(request.approve(), true);
  assert.equal((await pending.decided).outcome, 'signed_in');
  assert.equal((await ended).replacedBy.deviceName, 'Laptop');
  await until(fresh, () => fresh.state === 'live');
  assert.equal(request.deny(), false, 'nobody listens any more');
});

test('approve: denied', async (t) => {
  const { anna, old, fresh } = await atLimit(t, 'approve');
  const asked = heard(old, 'takeoverrequest');
  const pending = await fresh.signIn(anna);
  (await asked).deny();
  assert.deepEqual(await pending.decided, { outcome: 'denied' });
  assert.equal(fresh.state, 'ended');
  assert.equal(old.state, 'live');
});

test('approve: silence is refused with takeOver', async (t) => {
  const { anna, old, fresh } = await atLimit(t, 'approve', { SESSIONWIRE_APPROVAL_TIMEOUT_S: '1' });
  const pending = await fresh.signIn(anna);
  const decided = await pending.decided;
  assert.equal(decided.outcome, 'refused');
  assert.equal(old.state, 'live');
  assert.equal((await decided.takeOver()).outcome, 'signed_in');
});

test('approve: nobody connected behaves as ask', async (t) => {
  const { anna, old, fresh } = await atLimit(t, 'approve');
  old.close();
  let result = await fresh.signIn(anna);
  // The server may not have noticed yet that nobody is there; then the question is cancelled and put again.
  while (result.outcome === 'pending') {
    result.cancel();
    result = await fresh.signIn(anna);
  }
  assert.equal(result.outcome, 'refused');
  assert.equal((await result.takeOver()).outcome, 'signed_in');
});

test('a cancelled question signs nobody in, even where the answer was on its way', async (t) => {
  const { demo, anna, old } = await atLimit(t, 'approve');
  const held = holdingFetch((path) => path.endsWith('/sign-in/requests'));
  const fresh = open(t, demo.url, { fetch: held.fetch });
  const asked = heard(old, 'takeoverrequest');
  const pending = await fresh.signIn(anna);
  (await asked).approve();
  await held.arrived();
  pending.cancel();
  assert.deepEqual(await pending.decided, { outcome: 'cancelled' });
  held.release();
  assert.equal(fresh.state, 'ended');
  // The session that the held answer brought is signed out at the server.
  for (;;) {
    const { items } = await demo.api('GET', `/v1/sessions?user_id=${anna.id}&state=live`);
    if (items.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test('signing in again, signing out and closing cancel an open question', async (t) => {
  const { anna, fresh } = await atLimit(t, 'approve');
  const first = await fresh.signIn(anna);
  const second = await fresh.signIn(anna);
  assert.deepEqual(await first.decided, { outcome: 'cancelled' });
  await fresh.signOut();
  assert.deepEqual(await second.decided, { outcome: 'cancelled' });
  const third = await fresh.signIn(anna);
  fresh.close();
  assert.deepEqual(await third.decided, { outcome: 'cancelled' });
});
