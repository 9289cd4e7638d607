/**
 * The index, the finder of whom a change concerns and the memory of uses, against naive models, on random
 * courses. A failure names its seed.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Concerned } from '../src/concerned.js';
import { Fences } from '../src/fences.js';
import { FeedState } from '../src/feed-state.js';
import { Counts } from '../src/metrics.js';
import { concerns } from '../src/revocation.js';
import { EventParser } from '../src/sse.js';
import { Uses } from '../src/uses.js';

/** Numbers that look random and come again with their seed (mulberry32). */
function chance(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let it = Math.imul(state ^ (state >>> 15), 1 | state);
    it = (it + Math.imul(it ^ (it >>> 7), 61 | it)) ^ it;
    return ((it ^ (it >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit) => Math.floor(next() * limit);
  const pick = (list) => list[below(list.length)];
  return { below, pick, some: (list) => list.filter(() => next() < 0.4) };
}

const uuid = (name) => `00000000-0000-4000-8000-${String(name).padStart(12, '0')}`;
const [SESSIONS, USERS, GROUPS] = [[1, 2, 3, 4].map(uuid), [7, 8, 9].map(uuid), ['staff', 'Größe XL', '__proto__']];

function randomChange({ pick, below }, seq) {
  const kind = pick(['session_ended', 'user_ended', 'everybody_ended', 'user_rights_changed', 'group_rights_changed']);
  const about = {
    session_ended: { session_id: pick(SESSIONS), reason: `r${seq}` },
    user_ended: { user_id: pick(USERS), reason: `r${seq}` },
    everybody_ended: { reason: `r${seq}` },
    user_rights_changed: { user_id: pick(USERS) },
    group_rights_changed: { group: pick(GROUPS) },
  };
  return { kind, seq, keep_until: 1_000 + below(100), ...about[kind] };
}

function randomClaims({ pick, below, some }, head) {
  return { jti: uuid(below(1_000_000)), sid: pick(SESSIONS), sub: pick(USERS), groups: some(GROUPS), as_of: below(head + 2) };
}

/** What docs/feed.md says, word by word, of the whole history. */
function naiveVerdict(history, claims) {
  const latest = (kind, member) => (value) => history.findLast((it) => it.kind === kind && (!member || it[member] === value));
  const session = history.find((it) => it.kind === 'session_ended' && it.session_id === claims.sid);
  const unseen = [latest('user_ended', 'user_id')(claims.sub), latest('everybody_ended')()].filter((it) => it && it.seq > claims.as_of);
  const ended = [session, ...unseen].filter(Boolean).sort((a, b) => a.seq - b.seq)[0];
  if (ended) return { kind: 'ended', seq: ended.seq, reason: ended.reason };
  const groups = claims.groups.map(latest('group_rights_changed', 'group'));
  const stale = [latest('user_rights_changed', 'user_id')(claims.sub), ...groups].filter((it) => it && it.seq > claims.as_of).sort((a, b) => b.seq - a.seq)[0];
  return stale ? { kind: 'stale', seq: stale.seq, reason: '' } : null;
}

test('random courses of the feed against the naive reading of them', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = chance(seed);
    const history = [];
    const state = new FeedState();
    let head = random.below(5);
    state.take('snapshot', { seq: head, changes: [], more: false }, 1_000);
    for (let turn = 0; turn < 30; turn += 1) {
      const after = head;
      const stretch = [];
      for (let left = random.below(4); left > 0; left -= 1) stretch.push(randomChange(random, (head += 1 + random.below(2))));
      const seq = (head += random.below(2));
      history.push(...stretch);
      state.take('changes', { after, seq, head: seq, changes: stretch }, 1_000);
      for (let looks = 0; looks < 5; looks += 1) {
        const claims = randomClaims(random, head);
        const { kind, seq: at, reason } = state.index.verdict(claims) ?? {};
        assert.deepEqual(kind ? { kind, seq: at, reason } : null, naiveVerdict(history, claims), `seed ${seed}: ${JSON.stringify(claims)}`);
      }
    }
    // Swept, it forgets what it may and nothing else.
    const now = 1_050;
    for (const _step of state.index.sweep(now));
    const kept = history.filter((it) => it.keep_until > now);
    const known = new Map(history.filter((it) => it.kind !== 'session_ended').map((it) => [it.kind + (it.user_id ?? it.group ?? ''), it]));
    const first = new Map(history.filter((it) => it.kind === 'session_ended').toReversed().map((it) => [it.session_id, it]));
    const left = [...known.values(), ...first.values()].filter((it) => it.keep_until > now);
    assert.equal(state.index.size, left.length, `seed ${seed}`);
    assert.ok(left.every((it) => kept.includes(it)));
  }
});

test('the finder of whom a change concerns leaves out nobody', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = chance(seed);
    const concerned = new Concerned();
    const members = new Set();
    for (let turn = 0; turn < 60; turn += 1) {
      if (random.below(3) === 0 && members.size > 0) {
        const member = random.pick([...members]);
        members.delete(member);
        concerned.remove(member);
        concerned.remove(member);
      } else {
        const member = { claims: randomClaims(random, 50) };
        members.add(member);
        concerned.add(member);
      }
      const change = randomChange(random, random.below(60));
      const found = concerned.by(change).filter((it) => concerns(change, it.claims));
      assert.deepEqual(new Set(found), new Set([...members].filter((it) => concerns(change, it.claims))), `seed ${seed}`);
      assert.equal(concerned.size, members.size);
    }
    for (const member of members) concerned.remove(member);
    assert.deepEqual([concerned.size, concerned.all()], [0, []]);
  }
});

test('late uses: those after the change, each once, and no more than there were', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = chance(seed);
    const uses = new Uses(2_000);
    const tokens = [0, 1, 2].map((at) => ({ ...randomClaims(random, 5), jti: uuid(at), as_of: 0 }));
    const noted = [];
    let uptime = 1_000;
    let seq = 10;
    for (let turn = 0; turn < 200; turn += 1) {
      uptime += random.below(40) / 8;
      if (random.below(20) > 0) {
        const claims = random.pick(tokens);
        const what = random.pick(['GET /a', 'GET /b']);
        assert.equal(uses.note(claims, what, uptime), true);
        noted.push({ claims, what, at: uptime, isTold: false });
        continue;
      }
      const change = { ...randomChange(random, (seq += 1)), age_ms: random.below(200) };
      const since = uptime - change.age_ms;
      const late = uses.late([change], uptime, null);
      for (const use of late) {
        assert.ok(concerns(change, use.claims));
        const due = noted.filter((it) => it.claims === use.claims && it.what === use.what && it.at > since && !it.isTold);
        assert.ok(use.count >= 1 && use.count <= due.length, `seed ${seed}: ${use.count} of ${due.length}`);
        assert.ok(use.firstAt > since && use.firstAt <= use.lastAt);
        assert.equal(use.lastAt, due.at(-1).at, `seed ${seed}`);
        // Old moments are coarse: what shares one with a use before the change is left for later, or untold.
        for (const it of due) it.isTold = it.at >= use.firstAt;
      }
      assert.deepEqual(uses.late([change], uptime, null), []);
    }
  }
});

test('late uses: without an age, those after the last moment in sync; an end goes before stale', () => {
  const uses = new Uses(2_000);
  const claims = { jti: uuid(1), sid: SESSIONS[0], sub: USERS[0], groups: [], as_of: 5 };
  uses.note(claims, 'GET /', 100);
  uses.note(claims, 'GET /', 200);
  const stale = { kind: 'user_rights_changed', user_id: USERS[0], seq: 6, keep_until: 0 };
  const end = { kind: 'session_ended', session_id: SESSIONS[0], reason: 'x', seq: 7, keep_until: 0 };
  const late = uses.late([stale, end], 300, 150);
  assert.deepEqual(late.map(({ change, count, firstAt }) => [change.kind, count, firstAt]), [['session_ended', 1, 200]]);
});

test('late uses: the memory is bounded, and forgets', () => {
  const uses = new Uses(2_000);
  const claims = (at) => ({ jti: uuid(at), sid: SESSIONS[0], sub: USERS[0], groups: [], as_of: 5 });
  let remembered = 0;
  for (let at = 0; at < 10_100; at += 1) remembered += Number(uses.note(claims(at), 'GET /', 10));
  assert.equal(remembered, 10_000);
  // Twenty seconds and more later there is room again.
  assert.equal(uses.note(claims(20_000), 'GET /', 21_000), true);
  for (let at = 0; at < 15; at += 1) assert.equal(uses.note(claims(20_000), `GET /${at}`, 21_000), true);
  assert.equal(uses.note(claims(20_000), 'one more', 21_000), false);
});

test('fences are forgotten when no older session can have a token', () => {
  const time = { now: 1_000_000 };
  const fences = new Fences({ clock: { now: () => time.now }, leewayS: 5 }, new Counts());
  fences.raise({ sub: 'ann', fence: 7, iat: 0, exp: 300 });
  fences.raise({ sub: 'ann', fence: 3, iat: 0, exp: 60 });
  assert.equal(fences.of('ann'), 7);
  time.now += 304_000;
  fences.sweep();
  assert.equal(fences.of('ann'), 7);
  time.now += 2_000;
  fences.sweep();
  assert.equal(fences.of('ann'), 0);
});

test('server-sent events, however they are cut into pieces', () => {
  const text = ': a comment\n\nid: 7\nevent: changes\ndata: {"a":\ndata: "Größe"}\n\r\nevent:x\r\ndata:  y\r\n\r\ndata\n\nevent: z\n\n';
  const whole = [
    { name: 'changes', data: '{"a":\n"Größe"}' },
    { name: 'x', data: ' y' },
    { name: '', data: '' },
  ];
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const parser = new EventParser(1_000);
    const messages = [];
    for (let at = 0; at < bytes.length; at += size) messages.push(...parser.push(bytes.subarray(at, at + size)));
    assert.deepEqual(messages, whole, `pieces of ${size}`);
  }
});
