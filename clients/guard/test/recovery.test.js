/**
 * Socket.IO's connection state recovery, which skips middleware and sends what was missed before anybody can
 * look: who may come back through it, and who may not.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';

import { SessionAwareAdapter } from 'socket.io-adapter';

import { guardOf, heard, metric } from './support/guard.js';
import { refreshed, signIn } from './support/server.js';
import { farEnd, join, startIo, startSockets } from './support/sockets.js';

const MINUTE = { maxDisconnectionDuration: 60_000 };
/** Socket.IO's own default first. */
const SETTINGS = [{ ...MINUTE }, { ...MINUTE, skipMiddlewares: false }];

/** A client that has an offset to come back to, and everything that its transport brings from then on. */
async function settled(t, { io, url, auth, network }) {
  const client = join(t, url, auth);
  await client.heard('connect');
  io.emit('news', 'before');
  await client.heard('news');
  const wire = [];
  client.io.on('open', () => client.io.engine.on('packet', ({ data }) => wire.push(String(data))));
  const socket = farEnd(io, client);
  /** Its network is cut, and the server has seen it. */
  const away = async () => {
    const gone = once(socket, 'disconnect');
    network.cut();
    await gone;
    await client.heard('disconnect');
    return client.log.length;
  };
  return { client, wire, socket, away };
}

for (const connectionStateRecovery of SETTINGS) {
  const { skipMiddlewares = true } = connectionStateRecovery;
  const start = (t, more = {}) => startSockets(t, { io: { connectionStateRecovery }, ...more });

  test(`who was revoked while away does not come back (skipMiddlewares: ${skipMiddlewares})`, async (t) => {
    const { demo, io, network, url, guard } = await start(t);
    const session = await signIn(demo.url, demo.users[0]);
    const { client, wire, away } = await settled(t, { io, url, network, auth: session.token });
    const connections = [];
    io.on('connection', (socket) => connections.push(socket.id));
    const from = await away();
    io.emit('news', 'secret');
    io.to(`user:${demo.users[0].id}`).emit('news', 'personal secret');
    const receipt = await demo.api('DELETE', `/v1/sessions/${session.id}`);
    assert.equal(receipt.guards.applied, 1);
    network.mend();
    assert.deepEqual(await client.answer(from), ['connect_error', { code: 'session_ended', reason: 'revoked_by_admin' }]);
    assert.deepEqual(client.log.slice(from).filter(([name]) => name === 'news'), []);
    // Not even on the wire.
    assert.ok(wire.length > 0);
    assert.deepEqual(wire.filter((data) => data.includes('secret')), []);
    assert.deepEqual(connections, []);
    assert.equal(metric(guard, 'sockets'), 0);
  });

  test(`who is good comes back with rooms, claims, what was missed, and watched (skipMiddlewares: ${skipMiddlewares})`, async (t) => {
    const { demo, io, network, url, guard } = await start(t);
    const session = await signIn(demo.url, demo.users[0]);
    const { client, socket, away } = await settled(t, { io, url, network, auth: session.token });
    socket.join('lobby');
    socket.data.score = 7;
    const from = await away();
    io.to('lobby').emit('news', 'missed');
    network.mend();
    await client.heard('connect', from);
    assert.equal(client.recovered, true);
    assert.deepEqual(client.log.slice(from), [['news', 'missed'], ['connect', undefined]]);
    const back = farEnd(io, client);
    assert.deepEqual([back.recovered, back.data.score, back.data.auth.sid, back.data.auth.stale], [true, 7, session.id, false]);
    for (const room of ['lobby', `user:${demo.users[0].id}`, `session:${session.id}`]) assert.ok(back.rooms.has(room), room);
    assert.equal(metric(guard, 'sockets'), 1);
    await demo.api('DELETE', `/v1/sessions/${session.id}`);
    assert.equal((await client.heard('session.revoked', from)).reason, 'revoked_by_admin');
    assert.equal(await client.heard('disconnect', from), 'io server disconnect');
    assert.equal(metric(guard, 'sockets'), 0);
  });

  test(`whose rights changed while away comes back with a newer token only (skipMiddlewares: ${skipMiddlewares})`, async (t) => {
    const { demo, io, network, url } = await start(t);
    let session = await signIn(demo.url, demo.users[0]);
    const { client, wire, away } = await settled(t, { io, url, network, auth: (give) => give({ token: session.token }) });
    const from = await away();
    io.emit('news', 'missed');
    const analysts = demo.groups.find(({ name }) => name === 'analysts');
    await demo.api('PUT', `/v1/groups/${analysts.id}/permissions`, { permissions: [] });
    network.mend();
    assert.deepEqual(await client.answer(from), ['connect_error', { code: 'token_stale' }]);
    assert.deepEqual(wire.filter((data) => data.includes('missed')), []);
    session = await refreshed(demo.url, session);
    client.connect();
    await client.heard('connect', from);
    assert.equal(client.recovered, true);
    assert.equal(await client.heard('news', from), 'missed');
    const { stale, permissions } = farEnd(io, client).data.auth;
    assert.deepEqual([stale, permissions.includes('reports:read')], [false, false]);
  });

  test(`somebody else on the same page gets nothing of the one before (skipMiddlewares: ${skipMiddlewares})`, async (t) => {
    const { demo, io, network, url } = await start(t);
    let session = await signIn(demo.url, demo.users[0]);
    const { client, wire, away, socket } = await settled(t, { io, url, network, auth: (give) => give({ token: session.token }) });
    const from = await away();
    io.to(`user:${demo.users[0].id}`).emit('news', 'for Anna');
    session = await signIn(demo.url, demo.users[1]);
    network.mend();
    await client.heard('connect', from);
    assert.equal(client.recovered, false);
    assert.notEqual(client.id, socket.id);
    const { data, rooms } = farEnd(io, client);
    assert.equal(data.auth.sub, demo.users[1].id);
    assert.equal(rooms.has(`user:${demo.users[0].id}`), false);
    assert.deepEqual(wire.filter((it) => it.includes('for Anna')), []);
  });

  test(`past the lag nobody comes back before the guard knows more (skipMiddlewares: ${skipMiddlewares})`, async (t) => {
    const { demo, io, network, url, guard, feed } = await start(t, { guard: { maxFeedLagMs: 1000 } });
    const session = await signIn(demo.url, demo.users[0]);
    const { client, wire, away } = await settled(t, { io, url, network, auth: session.token });
    const from = await away();
    io.emit('news', 'missed');
    feed.cut();
    await heard(guard, 'lag');
    network.mend();
    assert.deepEqual(await client.answer(from), ['connect_error', { code: 'cannot_decide' }]);
    assert.deepEqual(wire.filter((it) => it.includes('missed')), []);
    feed.mend();
    await heard(guard, 'insync');
    client.connect();
    await client.heard('connect', from);
    assert.deepEqual([client.recovered, await client.heard('news', from)], [true, 'missed']);
  });

  test(`in another namespace too (skipMiddlewares: ${skipMiddlewares})`, async (t) => {
    const set = (io, middleware) => io.of('/game').use(middleware);
    const { demo, io, network, url } = await start(t, { set });
    const session = await signIn(demo.url, demo.users[0]);
    const client = join(t, url, session.token, { namespace: '/game' });
    await client.heard('connect');
    io.of('/game').emit('news', 'before');
    await client.heard('news');
    const gone = once(farEnd(io, client, '/game'), 'disconnect');
    network.cut();
    await gone;
    await client.heard('disconnect');
    const from = client.log.length;
    io.of('/game').emit('news', 'secret');
    await demo.api('DELETE', `/v1/users/${demo.users[0].id}/sessions`);
    network.mend();
    assert.equal((await client.answer(from))[1]?.code, 'session_ended');
    assert.deepEqual(client.log.slice(from).filter(([name]) => name === 'news'), []);
  });
}

test('who stayed stale for too long comes back with a newer token, and misses nothing', async (t) => {
  const { demo, io, url } = await startSockets(t, { io: { connectionStateRecovery: MINUTE }, gate: { staleGraceMs: 100 } });
  let session = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, (give) => give({ token: session.token }), { reconnection: false });
  await client.heard('connect');
  io.emit('news', 'before');
  await client.heard('news');
  const gone = once(farEnd(io, client), 'disconnect');
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  await demo.api('PUT', `/v1/groups/${analysts.id}/permissions`, { permissions: [] });
  await gone;
  await client.heard('disconnect');
  assert.deepEqual(client.log.at(-2), ['close', { code: 4001, reason: 'token_stale' }]);
  const from = client.log.length;
  io.emit('news', 'missed');
  client.connect();
  assert.deepEqual(await client.answer(from), ['connect_error', { code: 'token_stale' }]);
  session = await refreshed(demo.url, session);
  client.connect();
  await client.heard('connect', from);
  assert.deepEqual([client.recovered, await client.heard('news', from)], [true, 'missed']);
});

test('a broken token source refuses, and breaks nothing else', async (t) => {
  const token = ({ auth }) => {
    if (auth.pid) throw new Error('broken');
    return auth.token;
  };
  const { demo, io, network, url } = await startSockets(t, { io: { connectionStateRecovery: MINUTE }, gate: { token } });
  const session = await signIn(demo.url, demo.users[0]);
  const { client, away } = await settled(t, { io, url, network, auth: session.token });
  const from = await away();
  network.mend();
  assert.deepEqual(await client.answer(from), ['connect_error', 'broken']);
  await join(t, url, session.token).heard('connect');
});

test('a namespace that nobody guards recovers as ever', async (t) => {
  const set = (io, middleware) => io.of('/game').use(middleware);
  const gate = (io) => ({ io });
  const { io, network, url } = await startSockets(t, { set, gate, io: { connectionStateRecovery: MINUTE } });
  const { client, away } = await settled(t, { io, url, network, auth: {} });
  const from = await away();
  io.emit('news', 'missed');
  network.mend();
  await client.heard('connect', from);
  assert.deepEqual([client.recovered, await client.heard('news', from)], [true, 'missed']);
});

test('sessions that are kept outside of the process: the first to come to a new one is checked', async (t) => {
  const kept = { sessions: new Map(), packets: [] };
  class Elsewhere extends SessionAwareAdapter {
    constructor(nsp) {
      super(nsp);
      Object.assign(this, kept);
    }
  }
  const options = { connectionStateRecovery: MINUTE, adapter: Elsewhere };
  const gate = (io) => ({ io });
  const { demo, io, url, network, feed } = await startSockets(t, { io: options, gate });
  const session = await signIn(demo.url, demo.users[0]);
  const good = await signIn(demo.url, demo.users[1]);
  const one = await settled(t, { io, url, network, auth: session.token });
  const other = await settled(t, { io, url, network, auth: good.token });
  await Promise.all([one.away(), other.away()]);
  io.emit('news', 'secret');
  await demo.api('DELETE', `/v1/sessions/${session.id}`);

  // Another process of the service: nobody has come through its middleware yet.
  const guard = guardOf(t, { url: feed.url, apiKey: demo.guardKey, issuer: demo.url });
  const second = await startIo(t, guard, { io: options, gate });
  await guard.ready;
  for (const { client } of [one, other]) client.io.uri = second.url;
  assert.equal((await one.client.answer(one.client.log.length))[1]?.code, 'session_ended');
  await other.client.heard('connect', 1);
  assert.deepEqual(one.wire.filter((it) => it.includes('secret')), []);
  assert.equal(other.client.recovered, true);
  assert.equal(farEnd(second.io, other.client).data.auth.sid, good.id);
});
