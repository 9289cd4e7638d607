/** The endpoint as socket.io-client sees it: over a WebSocket, by polls, and from one to the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDemo, startServe } from '../../clients/js/test/support/server.js';
import { connect, connected, heard, post, signIn, until, WAYS } from './support.js';

/**
 * What is heard, in order.
 * @param {import('socket.io-client').Socket} socket
 */
function ordered(socket) {
  /** @type {string[]} */
  const order = [];
  socket.on('disconnect', () => order.push('disconnect'));
  socket.onAny((name, body) => order.push(`${name} ${body.code ?? body.after_ms}`));
  return order;
}

for (const [way, transports] of Object.entries(WAYS)) {
  /** @param {import('node:test').TestContext} t */
  const welcomed = async (t) => {
    const demo = await startDemo(t);
    const [anna] = demo.users;
    const who = await signIn(demo.url, anna);
    const socket = connect(t, demo.url, transports, { token: who.access_token });
    const welcome = await heard(socket, 'welcome');
    return { demo, anna, who, socket, welcome };
  };

  test(`${way}: a good token is let in, and hears what concerns it`, async (t) => {
    const { demo, anna, who, socket, welcome } = await welcomed(t);
    assert.equal(welcome.session_id, who.session_id);
    assert.equal(welcome.connection_id, socket.id);
    await until(() => socket.io.engine.transport.name === transports.at(-1));

    const changed = heard(socket, 'permissions.changed');
    const analysts = demo.groups.find((/** @type {{ name: string }} */ { name }) => name === 'analysts');
    const { receipt } = await demo.api('DELETE', `/v1/groups/${analysts.id}/members/${anna.id}`);
    assert.deepEqual(receipt.connections, { told: 1, closed: 0 });
    const { id, groups } = await changed;
    assert.deepEqual(groups, { added: [], removed: ['analysts'] });
    assert.ok(id > welcome.as_of);

    const notice = heard(socket, 'notice');
    const body = { level: 'warning', title: 'Soon', body: 'Wir schließen.', data: { at: 6 } };
    await demo.api('POST', `/v1/users/${anna.id}/notices`, body);
    const { id: _, at, ...told } = await notice;
    assert.deepEqual(told, body);
    assert.ok(at);
  });

  test(`${way}: the end of the session is told, and the client stays out`, async (t) => {
    const { demo, who, socket } = await welcomed(t);
    const events = [];
    socket.onAny((name, body) => events.push([name, body.code ?? body.reason]));
    const disconnected = heard(socket, 'disconnect');
    const { connections } = await demo.api('DELETE', `/v1/sessions/${who.session_id}`);
    assert.deepEqual(connections, { told: 1, closed: 1 });
    assert.equal(await disconnected, 'io server disconnect');
    assert.deepEqual(events, [['session.revoked', 'revoked_by_admin'], ['close', 4501]]);
    assert.equal(socket.active, false, 'it does not come back');
    await until(async () => (await connected(demo.api)) === 0);

    const again = connect(t, demo.url, transports, { token: who.access_token });
    const error = await heard(again, 'connect_error');
    assert.equal(error.data.code, 4501);
    assert.equal(error.data.message.reason, 'revoked_by_admin');
    assert.equal(again.active, false);
  });

  test(`${way}: what the client says is taken in`, async (t) => {
    const { demo, who, socket } = await welcomed(t);
    assert.equal(await socket.timeout(10_000).emitWithAck('activity'), undefined);
    assert.equal(await socket.timeout(10_000).emitWithAck('ack', { id: 1 }), undefined);
    const { body: newer } = await post(demo.url, '/v1/token/refresh', { refresh_token: who.refresh_token });
    const refreshed = heard(socket, 'token.refreshed');
    socket.emit('token.refresh', { token: newer.access_token });
    assert.ok((await refreshed).token_expires_at);
    const error = heard(socket, 'error');
    socket.emit('sing', { song: 'la' });
    assert.equal((await error).code, 'validation_failed');
    assert.ok(socket.connected);
  });

  test(`${way}: a device answers whether another may take its seat`, async (t) => {
    const { demo, anna, socket } = await welcomed(t);
    await demo.api('PUT', `/v1/policies/users/${anna.id}`, { max_sessions: 1, at_limit: 'approve' });
    const request = heard(socket, 'session.takeover_requested');
    const device = { id: '0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7a10', name: 'Phone', platform: 'ios' };
    const asked = await post(demo.url, '/v1/sign-in', { username: anna.username, password: anna.password, device });
    assert.equal(asked.status, 202);
    const closed = heard(socket, 'close');
    const { request_id, device_name } = await request;
    assert.equal(device_name, 'Phone');
    socket.emit('takeover.answer', { request_id, allow: true });
    assert.equal((await closed).code, 4502);
    const decided = await post(demo.url, '/v1/sign-in/requests', { request_token: asked.body.request_token });
    assert.equal(decided.status, 200);
  });

  test(`${way}: no token, a bad one, a ticket, another namespace`, async (t) => {
    const demo = await startDemo(t);
    const { access_token: token } = await signIn(demo.url, demo.users[0]);
    const { body } = await post(demo.url, '/v1/socket-tickets', {}, token);
    for (const { auth, code, reason } of [
      { auth: {}, code: 4500, reason: 'token_missing' },
      { auth: { token: 'nonsense' }, code: 4500, reason: 'token_invalid' },
      { auth: { ticket: body.ticket }, code: 0, reason: '' },
      { auth: { ticket: body.ticket }, code: 4500, reason: 'token_invalid' },
    ]) {
      const socket = connect(t, demo.url, transports, auth);
      if (code === 0) {
        await heard(socket, 'welcome');
        continue;
      }
      const error = await heard(socket, 'connect_error');
      assert.deepEqual([error.message, error.data], [reason, { code, reason }]);
      assert.equal(socket.active, false);
    }
    const elsewhere = connect(t, `${demo.url}/admin`, transports, { token });
    const error = await heard(elsewhere, 'connect_error');
    assert.equal(error.message, 'Invalid namespace');
    assert.equal(error.data.code, 4505);
  });

  test(`${way}: who finds no place is told so`, async (t) => {
    const demo = await startDemo(t, { SESSIONWIRE_MAX_CONNECTIONS: '1' });
    const { access_token: token } = await signIn(demo.url, demo.users[0]);
    await heard(connect(t, demo.url, transports, { token }), 'welcome');
    const late = connect(t, demo.url, transports, { token });
    const { data } = await heard(late, 'connect_error');
    assert.deepEqual(data, { code: 4003, reason: 'rate_limited' });
    assert.equal(late.active, false);
    assert.equal(await connected(demo.api), 1);
  });

  test(`${way}: binary attachments are refused`, async (t) => {
    const { socket } = await welcomed(t);
    const closed = heard(socket, 'close');
    const disconnected = heard(socket, 'disconnect');
    socket.emit('ack', Buffer.from([1, 2, 3]));
    assert.equal((await closed).code, 4505);
    assert.equal(await disconnected, 'io server disconnect');
  });

  test(`${way}: a thousand events at once are a flood, and its client may come back`, async (t) => {
    const { demo, socket } = await welcomed(t);
    const order = ordered(socket);
    for (let id = 0; id < 1_000; id += 1) socket.emit('ack', { id });
    assert.match(await heard(socket, 'disconnect'), /^transport (close|error)$/);
    assert.deepEqual(order, ['close 4003', 'disconnect']);
    assert.equal(socket.active, true);
    await heard(socket, 'welcome');
    assert.equal(await connected(demo.api), 1);
  });

  test(`${way}: a server that restarts sends its clients away, and has them back`, async (t) => {
    const server = await startServe(t, { SESSIONWIRE_DRAIN_S: '0' });
    await server.start();
    const ann = { username: 'ann', password: 'a good long password' };
    const group = await server.api('POST', '/v1/groups', { name: 'staff', permissions: ['home:read'] });
    await server.api('POST', '/v1/users', { ...ann, groups: ['staff'] });
    const { access_token: token } = await signIn(server.url, ann);
    const socket = connect(t, server.url, transports, { token });
    await heard(socket, 'welcome');
    await until(() => socket.io.engine.transport.name === transports.at(-1));
    const order = ordered(socket);
    const disconnected = heard(socket, 'disconnect');
    await server.stop();
    assert.match(await disconnected, /^transport (close|error)$/);
    assert.deepEqual(order, ['reconnect 0', 'close 4000', 'disconnect']);
    const missed = heard(socket, 'permissions.changed');
    await server.start();
    await heard(socket, 'welcome');
    await server.api('PUT', `/v1/groups/${group.id}/permissions`, { permissions: [] });
    assert.deepEqual((await missed).permissions, { gained: [], lost: ['home:read'] });
  });
}
