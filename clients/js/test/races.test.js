/** What comes late can't undo what came since. Against the real server. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { startDemo } from './support/server.js';
import { heard, holdingFetch, open, sharedStorage, signedIn, until } from './support/client.js';

async function live(demo, user) {
  return (await demo.api('GET', `/v1/sessions?user_id=${user.id}&state=live`)).items;
}

/** What is done after an answer was thrown away has no event here. */
async function noneLive(demo, user) {
  while ((await live(demo, user)).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('a sign-in that is answered after a sign-out signs nobody in, and its session is ended', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const held = holdingFetch((url) => url.endsWith('/v1/sign-in'));
  const session = open(t, demo.url, { fetch: held.fetch });
  const late = session.signIn(anna);
  await held.arrived();
  assert.equal((await live(demo, anna)).length, 1);
  await session.signOut();
  held.release();
  await assert.rejects(late, { code: 'sign_in_discarded' });
  assert.equal(session.state, 'ended');
  assert.equal(session.user, null);
  await noneLive(demo, anna);
});

test('a sign-out in one tab counts against a sign-in under way in another', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const storage = sharedStorage();
  const held = holdingFetch((url) => url.endsWith('/v1/sign-in'));
  const one = open(t, demo.url, { storage, fetch: held.fetch });
  const other = open(t, demo.url, { storage });
  const late = one.signIn(anna);
  await held.arrived();
  await other.signOut();
  held.release();
  await assert.rejects(late, { code: 'sign_in_discarded' });
  assert.equal(one.state, 'ended');
  assert.equal(JSON.parse(storage.texts.get('sessionwire:default:session')).session, null);
  await noneLive(demo, anna);
});

test('of two sign-ins the later one counts, whichever is answered first', async (t) => {
  const demo = await startDemo(t);
  const [anna, ben] = demo.users;
  let first = true;
  const held = holdingFetch((url) => url.endsWith('/v1/sign-in') && first);
  const session = open(t, demo.url, { fetch: held.fetch });
  const early = session.signIn(anna);
  await held.arrived();
  first = false;
  await session.signIn(ben);
  held.release();
  await assert.rejects(early, { code: 'sign_in_discarded' });
  assert.equal(session.user.username, 'ben');
  await noneLive(demo, anna);
});

test('a refresh that is answered after a sign-out brings nothing back', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const storage = sharedStorage();
  const held = holdingFetch((url) => url.endsWith('/v1/token/refresh'));
  const session = await signedIn(t, demo.url, anna, { fetch: held.fetch, storage });
  const late = session.refresh();
  await held.arrived();
  await session.signOut();
  held.release();
  await assert.rejects(late, { code: 'session_ended' });
  assert.equal(session.state, 'ended');
  assert.deepEqual(session.permissions, []);
  assert.equal(JSON.parse(storage.texts.get('sessionwire:default:session')).session, null);
  await noneLive(demo, anna);
});

test("a refresh that is answered after another person's sign-in changes nothing of theirs", async (t) => {
  const demo = await startDemo(t);
  const [anna, ben] = demo.users;
  const held = holdingFetch((url) => url.endsWith('/v1/token/refresh'));
  const session = await signedIn(t, demo.url, anna, { fetch: held.fetch });
  const late = session.refresh().catch((error) => error);
  await held.arrived();
  await session.signIn(ben);
  held.release();
  assert.equal((await late).code, 'session_ended');
  assert.equal(session.user.username, 'ben');
  assert.ok(session.can('billing:read'));
});

test('a request of one person is not repeated as another', async (t) => {
  const demo = await startDemo(t);
  const [anna, ben] = demo.users;
  const staff = demo.groups.find(({ name }) => name === 'staff');
  const held = holdingFetch((url) => url.endsWith('/v1/me'));
  class NoSocket {
    close() {}
  }
  const session = open(t, demo.url, { fetch: held.fetch, WebSocket: NoSocket });
  await session.signIn(anna);
  await demo.api('PUT', `/v1/groups/${staff.id}/permissions`, { permissions: ['home:read'] });
  const late = session.fetch('/v1/me');
  await held.arrived();
  await session.signIn(ben);
  held.release();
  const answer = await late;
  assert.equal(answer.status, 401);
  assert.equal((await answer.json()).code, 'token_stale');
});

test('a sign-out before the stored session was looked at holds', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const storage = sharedStorage();
  const first = await signedIn(t, demo.url, anna, { storage });
  first.close();
  const again = open(t, demo.url, { storage });
  await again.signOut();
  assert.equal(again.state, 'ended');
  assert.equal(JSON.parse(storage.texts.get('sessionwire:default:session')).session, null);
  await noneLive(demo, anna);
});

test('a stored session is taken up again', async (t) => {
  const demo = await startDemo(t);
  const storage = sharedStorage();
  const first = await signedIn(t, demo.url, demo.users[0], { storage });
  const { id, device } = first;
  first.close();
  const again = open(t, demo.url, { storage });
  assert.equal(again.state, 'connecting', 'not yet looked at: no sign-in page flashes up');
  await again.ready;
  assert.equal(again.id, id);
  assert.equal(again.device.id, device.id);
  await until(again, () => again.state === 'live');
});

test('a session that ended while nobody looked ends with its reason when it is taken up', async (t) => {
  const demo = await startDemo(t);
  const anna = demo.users[0];
  const storage = sharedStorage();
  const first = await signedIn(t, demo.url, anna, { storage });
  first.close();
  await demo.api('DELETE', `/v1/users/${anna.id}`);
  const again = open(t, demo.url, { storage });
  assert.equal((await heard(again, 'ended')).reason, 'user_deleted');
  const third = open(t, demo.url, { storage });
  await until(third, () => third.state === 'ended');
  assert.equal(third.ended.reason, 'user_deleted');
});
