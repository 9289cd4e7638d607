/** The parts without side effects: back-off, records, messages, answers. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { readSignedIn, renewed } from '../src/answers.js';
import { backoff, BASE_MS, CAP_MS } from '../src/backoff.js';
import { guessName } from '../src/device.js';
import { readMessage } from '../src/messages.js';
import { merge, NOTHING, readRecord } from '../src/record.js';
import { grantOf } from './support/script.js';

test('back-off: full jitter under a bound that doubles up to the cap', () => {
  for (let attempt = 1; attempt < 100; attempt += 1) {
    const bound = Math.min(CAP_MS, BASE_MS * 2 ** (attempt - 1));
    assert.equal(backoff(attempt, 0), 0);
    assert.equal(backoff(attempt, 0.5), Math.floor(bound / 2));
    assert.ok(backoff(attempt, 0.999999) < bound);
  }
});

const script = { rotation: 0, expiresIn: 300 };
const session = readSignedIn(grantOf(script), 1000);

test('a sign-in answer is read, with the position of its token', () => {
  assert.equal(session.grant.asOf, 1);
  assert.equal(session.grant.expiresAt, 301_000);
  assert.deepEqual(session.rights.permissions, ['home:read']);
  for (const broken of [null, 1, {}, { ...grantOf(script), access_token: 1 }, { ...grantOf(script), expires_in: 'soon' }]) {
    assert.throws(() => readSignedIn(broken, 0), { code: 'bad_answer' });
  }
  assert.equal(readSignedIn({ ...grantOf(script), access_token: 'opaque' }, 0).grant.asOf, -1);
});

test('a refresh brings newer rights, not older ones', () => {
  const fresh = (asOf) => ({ ...session, rights: { asOf, groups: [], permissions: ['new'], by: null } });
  assert.deepEqual(renewed(session, fresh(2)).rights.permissions, ['new']);
  assert.deepEqual(renewed(session, fresh(0)).rights.permissions, ['home:read']);
  assert.deepEqual(renewed(session, fresh(-1)).rights.permissions, ['new']);
  assert.equal(renewed(session, fresh(2)).grant.version, 1);
});

const record = (more) => ({ generation: 1, signedOut: 0, mark: 'a', session, ended: null, ...more });
const ended = { reason: 'signed_out', message: 'You signed out.' };

test('records merge to the same in either order, and a merge of equals changes nothing', () => {
  const rights = { asOf: 9, groups: [], permissions: [], by: 'admin' };
  const grant = { ...session.grant, version: 3, accessToken: 'x', refreshToken: 'y' };
  const records = [
    NOTHING,
    record({}),
    record({ mark: 'b' }),
    record({ generation: 2 }),
    record({ generation: 2, session: null, signedOut: 2, ended }),
    record({ generation: 2, session: null, ended: { ...ended, reason: 'superseded' }, mark: 'z' }),
    record({ generation: 3 }),
    record({ session: { ...session, rights } }),
    record({ session: { ...session, grant } }),
    record({ session: { ...session, id: 'other' }, mark: 'c' }),
  ];
  for (const a of records) {
    assert.equal(merge(a, a), a);
    for (const b of records) {
      const both = merge(a, b);
      assert.deepEqual(both, merge(b, a));
      assert.deepEqual(merge(both, b), both);
      for (const c of records) assert.deepEqual(merge(merge(a, b), c), merge(a, merge(b, c)));
    }
  }
});

test('within a generation new rights of one tab and new tokens of another are both kept', () => {
  const rights = { asOf: 9, groups: [], permissions: ['new'], by: 'admin' };
  const grant = { ...session.grant, version: 3, refreshToken: 'rotated' };
  const both = merge(record({ session: { ...session, rights } }), record({ session: { ...session, grant } }));
  assert.equal(both.session.grant.refreshToken, 'rotated');
  assert.deepEqual(both.session.rights.permissions, ['new']);
});

test('a sign-out prevails over a sign-in of the same number, and over everything before', () => {
  const out = record({ generation: 2, session: null, signedOut: 2, ended, mark: '' });
  assert.equal(merge(record({ generation: 2, mark: 'z' }), out).session, null);
  assert.equal(merge(record({}), out).session, null);
  const told = record({ generation: 2, session: null, ended, mark: 'z' });
  assert.notEqual(merge(record({ generation: 2 }), told).session, null, 'the end that a new sign-in causes is of the session before');
  assert.equal(merge(record({}), told).session, null);
  assert.notEqual(merge(record({ generation: 3 }), out).session, null);
  assert.equal(merge(record({ generation: 3 }), out).signedOut, 2);
});

test('what is not a record is none', () => {
  const good = JSON.stringify(record({}));
  assert.deepEqual(readRecord(good), JSON.parse(good));
  for (const text of [null, '', '{', 'null', '1', '[]', '{}', '{"generation":1}', good.replace('"grant"', '"grants"'), good.replace('["home:read"]', '5')]) {
    assert.equal(readRecord(text), NOTHING, String(text));
  }
});

const messages = [
  { type: 'welcome', session_id: 's', groups: [], permissions: [], as_of: 1, heartbeat_seconds: 60 },
  { type: 'permissions.changed', id: 1, as_of: 1, groups: { added: [], removed: ['g'] }, permissions: { gained: [], lost: ['p'] }, refresh_within_ms: 0, initiating_entity: 'admin' },
  { type: 'session.revoked', id: 1, session_id: 's', reason: 'superseded', message: 'm', replaced_by: { device_name: 'd', platform: 'web' } },
  { type: 'session.takeover_requested', id: 1, request_id: 'r', device_name: 'd', platform: 'web', expires_at: 't' },
  { type: 'notice', id: 1, level: 'critical', title: 't', body: 'b', data: { a: 1 }, at: 't' },
  { type: 'reconnect', after_ms: 5 },
  { type: 'error', code: 'c', message: 'm' },
  { type: 'pong' },
  { type: 'token.expiring', expires_at: 't' },
  { type: 'session.expiring', expires_at: 't', cause: 'max_age' },
  { type: 'token.refreshed', as_of: 1, token_expires_at: 't' },
];

test('every message of the contract is read', () => {
  for (const message of messages) assert.equal(readMessage(JSON.stringify(message)).type, message.type);
  assert.equal(readMessage('{"type":"of.tomorrow"}').type, 'unknown');
});

test('malformed messages are null and never throw', () => {
  const nonsense = [null, undefined, true, -1, 1.5, 1e400, '', 'x', [], {}, [1], { a: null }];
  for (const data of [...nonsense, new ArrayBuffer(1), '{', '{"type":5}', 'null', '[]']) assert.equal(readMessage(data), null);
  for (const message of messages) {
    for (const key of Object.keys(message).filter((key) => key !== 'type')) {
      for (const value of nonsense) {
        const read = readMessage(JSON.stringify({ ...message, [key]: value }));
        assert.ok(read === null || read.type === message.type);
      }
    }
  }
});

test('devices get a name that their person recognises', () => {
  assert.equal(guessName('Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0'), 'Firefox on Linux');
  assert.equal(guessName('Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/128.0 Safari/537.36 Edg/128.0'), 'Edge on Windows');
  assert.equal(guessName('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1'), 'Safari on iPhone');
  assert.equal(guessName(''), 'Unnamed device');
});
