/** Socket.IO servers behind the guard, with real clients: who comes in, and what ends whom. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { systemClock } from '../src/time.js';
import { heard, metric } from './support/guard.js';
import { refreshed, signIn } from './support/server.js';
import { farEnd, join, startSockets } from './support/sockets.js';

const TRANSPORTS = ['websocket', 'polling'];
/** A clock by which tokens of five minutes have three seconds. */
const late = { ...systemClock, now: () => Date.now() + 297_000 };
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

async function changeRights(demo, permissions = ['reports:read']) {
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  return demo.api('PUT', `/v1/groups/${analysts.id}/permissions`, { permissions });
}

test('a socket whose token a retired key signed is sent away, others stay', async (t) => {
  const { demo, url, guard } = await startSockets(t);
  const session = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, session.token);
  await client.heard('connect');
  const { kid } = await guard.check(session.token);
  await demo.api('POST', '/v1/signing-keys');
  const receipt = await demo.api('DELETE', `/v1/signing-keys/${kid}`);
  assert.equal(receipt.guards.applied, 1);
  assert.deepEqual(await client.heard('close'), { code: 4500, reason: 'token_invalid' });
  await client.heard('disconnect');
  const again = join(t, url, (await refreshed(demo.url, session)).token);
  await again.heard('connect');
});

for (const transport of TRANSPORTS) {
  test(`a good handshake over ${transport}: claims and rooms`, async (t) => {
    const { demo, io, guard, url } = await startSockets(t);
    const session = await signIn(demo.url, demo.users[0]);
    const client = join(t, url, session.token, { transports: [transport] });
    await client.heard('connect');
    const socket = farEnd(io, client);
    const { sub, sid, stale, permissions } = socket.data.auth;
    assert.deepEqual({ sub, sid, stale }, { sub: demo.users[0].id, sid: session.id, stale: false });
    assert.ok(permissions.includes('reports:read'));
    const rooms = [`user:${sub}`, `device:${session.deviceId}`, `session:${sid}`, client.id];
    assert.deepEqual([...socket.rooms].sort(), rooms.sort());
    io.to(`user:${sub}`).emit('hello', 'you');
    assert.equal(await client.heard('hello'), 'you');
    assert.equal(metric(guard, 'sockets'), 1);
    const left = once(socket, 'disconnect');
    client.disconnect();
    await left;
    assert.equal(metric(guard, 'sockets'), 0);
  });

  test(`a session that ends over ${transport}: told why, and gone at once`, async (t) => {
    const { demo, io, url, guard } = await startSockets(t);
    const [session, other] = [await signIn(demo.url, demo.users[0]), await signIn(demo.url, demo.users[0])];
    const client = join(t, url, session.token, { transports: [transport] });
    const bystander = join(t, url, other.token, { transports: [transport] });
    await Promise.all([client.heard('connect'), bystander.heard('connect')]);
    const socket = farEnd(io, client);
    const receipt = await demo.api('DELETE', `/v1/sessions/${session.id}`);
    assert.deepEqual(receipt.guards, { following: 1, applied: 1 });
    // The receipt says that the guard has applied it: the server's end is gone already.
    assert.equal(socket.connected, false);
    assert.equal(io.of('/').sockets.has(client.id), false);
    await client.heard('disconnect');
    assert.deepEqual(client.log.slice(1), [
      ['session.revoked', { id: receipt.seq, session_id: session.id, reason: 'revoked_by_admin', message: 'An administrator signed you out.' }],
      ['close', { code: 4501, reason: 'revoked_by_admin' }],
      ['disconnect', 'io server disconnect'],
    ]);
    assert.equal(client.active, false);
    assert.deepEqual(bystander.names(), ['connect']);
    assert.equal(bystander.connected, true);
    assert.equal(metric(guard, 'sockets'), 1);
    assert.equal(metric(guard, 'sockets_closed_total{why="session_ended"}'), 1);
    const from = client.log.length;
    client.connect();
    assert.deepEqual(await client.answer(from), ['connect_error', { code: 'session_ended', reason: 'revoked_by_admin' }]);
  });
}

test('a native client brings its token in a header; never in an address', async (t) => {
  const { demo, url } = await startSockets(t);
  const { token } = await signIn(demo.url, demo.users[0]);
  const native = join(t, url, {}, { extraHeaders: { authorization: `Bearer ${token}` } });
  await native.heard('connect');
  const careless = join(t, url, {}, { query: { token, access_token: token } });
  assert.deepEqual(await careless.answer(), ['connect_error', { code: 'token_missing' }]);
});

test('a bad handshake: the client gets the code', async (t) => {
  const { demo, guard, url } = await startSockets(t, { gate: { requires: 'billing:read' } });
  const bad = [{ token: 'x' }, { token: 7 }, { token: { a: 1 } }, { token: '' }, {}, { token: null }];
  const codes = ['token_invalid', 'token_invalid', 'token_invalid', 'token_missing', 'token_missing', 'token_missing'];
  for (const [at, auth] of bad.entries()) {
    assert.deepEqual(await join(t, url, auth).answer(), ['connect_error', { code: codes[at] }]);
  }
  const { token } = await signIn(demo.url, demo.users[0]);
  assert.deepEqual(await join(t, url, token).answer(), ['connect_error', { code: 'forbidden' }]);
  assert.equal(metric(guard, 'sockets'), 0);
});

test('a token from elsewhere in the handshake', async (t) => {
  const { demo, url } = await startSockets(t, { gate: { token: ({ auth }) => auth.jwt } });
  const { token } = await signIn(demo.url, demo.users[0]);
  await join(t, url, { jwt: token }).heard('connect');
  assert.deepEqual(await join(t, url, token).answer(), ['connect_error', { code: 'token_missing' }]);
});

test('close codes: superseded, suspended, everybody', async (t) => {
  const { demo, url } = await startSockets(t);
  const [anna, ben, , dario] = demo.users;
  const ends = async (client) => (await client.heard('disconnect'), client.log.filter(([name]) => name === 'close').map(([, body]) => body));
  const darios = join(t, url, (await signIn(demo.url, dario)).token);
  await darios.heard('connect');
  await signIn(demo.url, dario);
  assert.deepEqual(await ends(darios), [{ code: 4502, reason: 'superseded' }]);
  const bens = join(t, url, (await signIn(demo.url, ben)).token);
  await bens.heard('connect');
  await demo.api('POST', `/v1/users/${ben.id}/suspend`);
  assert.deepEqual(await ends(bens), [{ code: 4503, reason: 'user_suspended' }]);
  const annas = join(t, url, (await signIn(demo.url, anna)).token);
  await annas.heard('connect');
  await demo.api('POST', '/v1/revoke-all', {});
  assert.deepEqual(await ends(annas), [{ code: 4501, reason: 'revoke_all' }]);
  assert.deepEqual(await annas.heard('session.revoked'), {
    id: annas.log[1][1].id,
    session_id: claimsOf(annas.auth.token).sid,
    reason: 'revoke_all',
    message: 'Everybody was signed out. Please sign in again.',
  });
});

test('sockets of other namespaces, on one connection and on several', async (t) => {
  const set = (io, middleware) => {
    io.use(middleware);
    io.of('/game').use(middleware);
    io.of(/^\/room-\d+$/).use(middleware);
  };
  const { demo, io, guard, url } = await startSockets(t, { set });
  const session = await signIn(demo.url, demo.users[0]);
  const lobby = join(t, url, session.token, { forceNew: false });
  const game = join(t, url, session.token, { forceNew: false, namespace: '/game' });
  const alone = join(t, url, session.token, { namespace: '/game' });
  const room = join(t, url, session.token, { namespace: '/room-7' });
  const all = [lobby, game, alone, room];
  await Promise.all(all.map((it) => it.heard('connect')));
  assert.equal(lobby.io, game.io);
  assert.equal(farEnd(io, room, '/room-7').data.auth.sid, session.id);
  assert.equal(metric(guard, 'sockets'), 4);
  await demo.api('DELETE', `/v1/sessions/${session.id}`);
  await Promise.all(all.map((it) => it.heard('disconnect')));
  for (const it of all) assert.deepEqual(it.names(), ['connect', 'session.revoked', 'close', 'disconnect']);
  assert.equal(metric(guard, 'sockets'), 0);
});

test('two sessions on one connection: only the one that ended goes', async (t) => {
  const set = (io, middleware) => [io, io.of('/game')].forEach((nsp) => nsp.use(middleware));
  const { demo, url } = await startSockets(t, { set });
  const [annas, bens] = [await signIn(demo.url, demo.users[0]), await signIn(demo.url, demo.users[1])];
  // One manager, so one connection: each namespace with the token of somebody else.
  const anna = join(t, url, annas.token, { forceNew: false });
  const ben = join(t, url, bens.token, { forceNew: false, namespace: '/game' });
  await Promise.all([anna.heard('connect'), ben.heard('connect')]);
  assert.equal(anna.io, ben.io);
  await demo.api('DELETE', `/v1/sessions/${annas.id}`);
  assert.equal(await anna.heard('disconnect'), 'io server disconnect');
  ben.emit('x');
  assert.deepEqual([ben.connected, ben.names()], [true, ['connect']]);
});

test('rights that change: told, stale, and good again with a newer token', async (t) => {
  const { demo, io, url, guard } = await startSockets(t);
  const [session, bens] = [await signIn(demo.url, demo.users[0]), await signIn(demo.url, demo.users[1])];
  const [client, bystander] = [join(t, url, session.token), join(t, url, bens.token)];
  await Promise.all([client.heard('connect'), bystander.heard('connect')]);
  const { auth } = farEnd(io, client).data;

  const { receipt } = await changeRights(demo);
  const told = { id: receipt.seq, as_of: receipt.seq, action: 'refresh', refresh_within_ms: 0 };
  assert.deepEqual(await client.heard('permissions.changed'), told);
  assert.equal(auth.stale, true);

  const old = await client.emitWithAck('token.refresh', { token: session.token });
  assert.deepEqual([old.ok, old.code], [false, 'token_stale']);
  for (const wrong of [undefined, null, 7, {}, { token: 7 }, { token: 'x' }]) {
    const { ok, code } = await client.emitWithAck('token.refresh', wrong);
    assert.deepEqual([ok, code], [false, wrong?.token === undefined ? 'token_missing' : 'token_invalid']);
  }
  client.emit('token.refresh', { token: 'x' });
  assert.equal((await client.heard('error')).code, 'token_invalid');

  const fresh = await refreshed(demo.url, session);
  const claims = claimsOf(fresh.token);
  const answer = await client.emitWithAck('token.refresh', { token: fresh.token });
  assert.deepEqual(answer, { ok: true, as_of: claims.as_of, token_expires_at: new Date(claims.exp * 1000).toISOString() });
  assert.equal(farEnd(io, client).data.auth, auth);
  assert.equal(auth.stale, false);
  assert.equal(auth.permissions.includes('reports:export'), false);
  client.emit('token.refresh', { token: fresh.token });
  assert.equal((await client.heard('token.refreshed')).as_of, claims.as_of);

  // Watched by what the new token says.
  const from = client.log.length;
  await changeRights(demo, []);
  await client.heard('permissions.changed', from);
  assert.equal(client.log.filter(([name]) => name === 'permissions.changed').length, 2);
  await demo.api('DELETE', `/v1/sessions/${session.id}`);
  await client.heard('session.revoked');
  assert.deepEqual(bystander.names(), ['connect']);
  assert.equal(metric(guard, 'sockets'), 1);
});

test('a token of another session ends the socket', async (t) => {
  const { demo, url } = await startSockets(t);
  const [one, other] = [await signIn(demo.url, demo.users[0]), await signIn(demo.url, demo.users[0])];
  const client = join(t, url, one.token);
  await client.heard('connect');
  client.emit('token.refresh', { token: other.token });
  assert.deepEqual(await client.heard('close'), { code: 4500, reason: 'token_invalid' });
  assert.equal(await client.heard('disconnect'), 'io server disconnect');
});

test('a socket that stays stale ends, and its client comes back by itself with a newer token', async (t) => {
  const { demo, url, io } = await startSockets(t, { gate: { staleGraceMs: 100 } });
  let session = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, (give) => give({ token: session.token }));
  await client.heard('connect');
  await changeRights(demo);
  await client.heard('permissions.changed');
  session = await refreshed(demo.url, session);
  assert.deepEqual(await client.heard('close'), { code: 4001, reason: 'token_stale' });
  assert.notEqual(await client.heard('disconnect'), 'io server disconnect');
  await client.heard('connect', 1);
  assert.equal(farEnd(io, client).data.auth.as_of, claimsOf(session.token).as_of);
});

test('a token that runs out: said before, then the end', async (t) => {
  const { demo, url, guard } = await startSockets(t, { guard: { internals: { clock: late } } });
  const session = await signIn(demo.url, demo.users[0]);
  const [client, renewed] = [join(t, url, session.token, { reconnection: false }), join(t, url, session.token)];
  const expiresAt = new Date(claimsOf(session.token).exp * 1000).toISOString();
  assert.deepEqual(await client.heard('token.expiring'), { expires_at: expiresAt });
  await renewed.heard('connect');
  assert.deepEqual(await client.heard('close'), { code: 4001, reason: 'token_expired' });
  assert.notEqual(await client.heard('disconnect'), 'io server disconnect');
  assert.ok(late.now() >= claimsOf(session.token).exp * 1000);
  assert.equal(metric(guard, 'sockets_closed_total{why="token_expired"}'), 2);
});

test('a newer token in time: the socket goes on', async (t) => {
  const { demo, url, io } = await startSockets(t, { guard: { internals: { clock: late } } });
  let session = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, session.token, { reconnection: false });
  const first = claimsOf(session.token).exp;
  await client.heard('connect');
  while (late.now() < (first + 1) * 1000 && client.connected) {
    const at = client.log.length;
    session = await refreshed(demo.url, session);
    client.emit('token.refresh', { token: session.token });
    await client.heard('token.refreshed', at);
    await setTimeout(200);
  }
  assert.equal(client.connected, true);
  assert.ok(farEnd(io, client).data.auth.exp > first);
});

test('past the lag: handshakes as told, open sockets stay', async (t) => {
  const { demo, url, guard, feed } = await startSockets(t, { guard: { maxFeedLagMs: 1000 } });
  const { token } = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, token);
  await client.heard('connect');
  feed.cut();
  await heard(guard, 'lag');
  assert.deepEqual(await join(t, url, token).answer(), ['connect_error', { code: 'cannot_decide' }]);
  assert.equal(client.connected, true);
  feed.mend();
  await heard(guard, 'insync');
  await join(t, url, token).heard('connect');
  assert.deepEqual(client.names(), ['connect']);
});

test('past the lag, where sockets are not to stay', async (t) => {
  const { demo, url, guard, feed } = await startSockets(t, { guard: { maxFeedLagMs: 1000 }, gate: { disconnectWhenBehind: true } });
  const { token } = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, token, { reconnection: false });
  await client.heard('connect');
  feed.cut();
  assert.deepEqual(await client.heard('close'), { code: 4005, reason: 'cannot_decide' });
  assert.notEqual(await client.heard('disconnect'), 'io server disconnect');
  assert.equal(metric(guard, 'sockets'), 0);
});

test('what happened while the feed was cut reaches open sockets', async (t) => {
  const { demo, url, guard, feed } = await startSockets(t);
  const [one, other] = [await signIn(demo.url, demo.users[0]), await signIn(demo.url, demo.users[1])];
  const [client, stays] = [join(t, url, one.token), join(t, url, other.token)];
  await Promise.all([client.heard('connect'), stays.heard('connect')]);
  feed.cut();
  await heard(guard, 'error');
  await demo.api('DELETE', `/v1/sessions/${one.id}`);
  feed.mend();
  assert.equal((await client.heard('session.revoked')).reason, 'revoked_by_admin');
  assert.equal(stays.connected, true);
});

test('a session that ends while a later middleware waits does not get in', async (t) => {
  let entered;
  let go;
  const inside = new Promise((resolve) => (entered = resolve));
  const gate = new Promise((resolve) => (go = resolve));
  const set = (io, middleware) => {
    io.use(middleware);
    io.use((_socket, next) => (entered(), gate.then(() => next())));
  };
  const { demo, io, guard, url } = await startSockets(t, { set });
  let connections = 0;
  io.on('connection', () => (connections += 1));
  const session = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, session.token);
  await inside;
  await demo.api('DELETE', `/v1/sessions/${session.id}`);
  go();
  assert.deepEqual(await client.answer(client.log.length), ['connect_error', { code: 'session_ended', reason: 'revoked_by_admin' }]);
  assert.equal(connections, 0);
  assert.equal(metric(guard, 'sockets'), 0);
});

test('rights that change while a later middleware waits are told on entry', async (t) => {
  let entered;
  let go;
  const inside = new Promise((resolve) => (entered = resolve));
  const gate = new Promise((resolve) => (go = resolve));
  const set = (io, middleware) => {
    io.use(middleware);
    io.use((_socket, next) => (entered(), gate.then(() => next())));
  };
  const { demo, url } = await startSockets(t, { set });
  const client = join(t, url, (await signIn(demo.url, demo.users[0])).token);
  await inside;
  await changeRights(demo);
  go();
  await client.heard('permissions.changed');
  assert.deepEqual(client.names(), ['connect', 'permissions.changed']);
});

test('handshakes that a later middleware refuses leave nothing', async (t) => {
  const set = (io, middleware) => {
    io.use(middleware);
    io.use((_socket, next) => next(new Error('full')));
  };
  const { demo, guard, url } = await startSockets(t, { set });
  const { token } = await signIn(demo.url, demo.users[0]);
  const client = join(t, url, token);
  assert.equal(await client.heard('connect_error'), 'full');
  for (let turn = 1; turn < 5; turn += 1) {
    const from = client.log.length;
    client.connect();
    await client.heard('connect_error', from);
  }
  // As many as there are connections, however often they were refused.
  assert.ok(metric(guard, 'sockets') <= 1);
  const ended = heard(guard, 'change');
  client.io.engine.close();
  await demo.api('DELETE', `/v1/sessions/${claimsOf(token).sid}`);
  await ended;
  assert.equal(metric(guard, 'sockets'), 0);
});

test('a listener of the application that hears of a connection also hears of its end', async (t) => {
  const { demo, io, url, guard } = await startSockets(t);
  const players = new Map();
  io.on('connection', (socket) => {
    players.set(socket.data.auth.sub, socket);
    socket.on('disconnect', () => players.delete(socket.data.auth.sub));
  });
  const sessions = await Promise.all(demo.users.slice(0, 3).map((user) => signIn(demo.url, user)));
  const clients = sessions.map(({ token }) => join(t, url, token));
  await Promise.all(clients.map((it) => it.heard('connect')));
  assert.equal(players.size, 3);
  await demo.api('POST', '/v1/revoke-all', {});
  await Promise.all(clients.map((it) => it.heard('disconnect')));
  assert.equal(players.size, 0);
  assert.equal(metric(guard, 'sockets'), 0);
});
