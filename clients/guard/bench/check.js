/**
 * What a check costs, an entry of the index and a change of the feed, beside the floors that they can't go
 * below. Prints a table and, last, one line of JSON. `npm run bench`; a number (`npm run bench -- 0.2`) makes
 * it so much longer or shorter.
 */

import { hash, randomUUID } from 'node:crypto';

import { compactVerify, importJWK } from 'jose';

import { createGuard } from '../src/index.js';
import { AUDIENCE, ISSUER, makeKey, tokenBy } from '../test/support/keys.js';
import { beginFeed, changes, hello, snapshot, startScript, tell } from '../test/support/script.js';

const SCALE = Number(process.argv[2] ?? 1);
const MANY = 100_000;
const PIECE = 1_000;
/** Of one message, where many things happen. */
const STRETCH = 100;
/** Nothing is heard while a loop runs. */
const PATIENT = { maxFeedLagMs: 3_600_000 };

const cleanups = [];
const key = await makeKey('bench');
const soon = Math.floor(Date.now() / 1000) + 3600;
const ended = (seq) => ({ kind: 'session_ended', session_id: randomUUID(), reason: 'signed_out', seq, keep_until: soon });
const many = (count, from = 1) => Array.from({ length: count }, (_, at) => ended(from + at));
const rows = [];
const row = (what, value, unit) => rows.push({ what, value: Math.round(value * 10) / 10, unit });

async function start(entries, options = {}) {
  let feedOf;
  const pieces = [];
  for (let at = 0; at < entries.length; at += PIECE) pieces.push(entries.slice(at, at + PIECE));
  const feed = (_turn, response) => {
    feedOf = response;
    beginFeed(response);
    tell(response, hello(MANY, 60_000));
    for (const [at, piece] of pieces.entries()) tell(response, snapshot(MANY, piece, at < pieces.length - 1));
  };
  const script = await startScript({ after: (cleanup) => cleanups.push(cleanup) }, { jwks: { keys: [key.jwk] }, feed });
  const guard = createGuard({ url: script.url, apiKey: 'swk_bench', issuer: ISSUER, audience: AUDIENCE, ...PATIENT, ...options });
  cleanups.push(() => guard.close());
  await guard.ready;
  return { guard, send: (...messages) => tell(feedOf, ...messages) };
}

/** Nanoseconds a turn: the best of five, the rest is what else the machine does. */
function cost(turns, work) {
  const count = Math.max(Math.round(turns * SCALE), 10);
  const once = () => {
    const since = process.hrtime.bigint();
    for (let turn = 0; turn < count; turn += 1) work(turn);
    return Number(process.hrtime.bigint() - since) / count;
  };
  return Math.min(...Array.from({ length: 5 }, once));
}

async function costOfWaiting(turns, atOnce, work) {
  const count = Math.max(Math.round((turns * SCALE) / atOnce), 2);
  let best = Infinity;
  for (let round = 0; round < 3; round += 1) {
    const since = process.hrtime.bigint();
    for (let turn = 0; turn < count; turn += 1) await (atOnce === 1 ? work() : Promise.all(Array.from({ length: atOnce }, work)));
    best = Math.min(best, Number(process.hrtime.bigint() - since) / count / atOnce);
  }
  return best;
}

async function checks() {
  const groups = ['staff', 'analysts'];
  const permissions = ['home:read', 'team:read', 'reports:read', 'reports:export'];
  const token = await tokenBy(key, { groups, permissions, as_of: MANY });
  const tokens = await Promise.all(Array.from({ length: 1_000 }, () => tokenBy(key, { groups, permissions, as_of: MANY })));
  const route = { requires: 'reports:read', what: 'GET /reports' };
  row('floor: SHA-256 of a token', cost(200_000, () => hash('sha256', token, 'hex')), 'ns');
  const imported = await importJWK(key.jwk, 'ES256');
  row('floor: its signature, one after the other', await costOfWaiting(3_000, 1, () => compactVerify(token, imported)), 'ns');
  row('floor: its signature, 50 at once', await costOfWaiting(10_000, 50, () => compactVerify(token, imported)), 'ns');
  for (const count of [1, MANY]) {
    const entries = many(count);
    const label = `${count.toLocaleString('en')} ${count === 1 ? 'entry' : 'entries'}`;
    const { guard } = await start(entries);
    await guard.check(token);
    row(`a token seen before, ${label}`, cost(200_000, () => guard.decide(token, route)), 'ns');
    for (const it of tokens) await guard.check(it);
    row(`a thousand tokens seen before, ${label}`, cost(200_000, (turn) => guard.decide(tokens[turn % tokens.length], route)), 'ns');
    row(`the same, awaited, ${label}`, await costOfWaiting(100_000, 1, () => guard.check(token, route)), 'ns');
    guard.close();
    const without = await start(entries, { cacheSize: 0 });
    row(`without memory, one after the other, ${label}`, await costOfWaiting(3_000, 1, () => without.guard.check(token, route)), 'ns');
    let next = 0;
    const another = () => without.guard.check(tokens[(next += 1) % tokens.length], route);
    row(`without memory, 50 at once, ${label}`, await costOfWaiting(10_000, 50, another), 'ns');
    without.guard.close();
  }
}

async function entriesAndChanges() {
  const { RevocationIndex } = await import('../src/revocation.js');
  const texts = many(MANY).map((entry) => JSON.stringify(entry));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  // As the feed brings them: each text its own.
  const index = new RevocationIndex(MANY, texts.map((text) => JSON.parse(text)));
  globalThis.gc?.();
  if (globalThis.gc) row('an entry of the index', (process.memoryUsage().heapUsed - before) / index.size, 'bytes');

  const { Concerned } = await import('../src/concerned.js');
  const concerned = new Concerned();
  const members = Array.from({ length: 10_000 }, () => ({ claims: { sid: randomUUID(), sub: randomUUID(), groups: ['staff'] } }));
  for (const member of members) concerned.add(member);
  const find = (turn) => concerned.by({ kind: 'session_ended', session_id: members[turn % members.length].claims.sid });
  row('finding the sockets of a session among 10,000', cost(200_000, find), 'ns');

  const { guard, send } = await start(many(1));
  const count = Math.max(Math.round((MANY * SCALE) / STRETCH), 10);
  const messages = Array.from({ length: count }, (_, at) => {
    const after = MANY + at * STRETCH;
    return changes(after, after + STRETCH, many(STRETCH, after + 1));
  });
  const last = MANY + count * STRETCH;
  const applied = new Promise((resolve) => guard.on('change', ({ seq }) => seq === last && resolve()));
  const since = performance.now();
  send(...messages);
  await applied;
  // The sender is the same process: the guard alone is faster.
  row(`changes of the feed, ${STRETCH} a message`, (count * STRETCH * 1000) / (performance.now() - since), 'a second');
}

await checks();
await entriesAndChanges();
for (const cleanup of cleanups) cleanup();
for (const { what, value, unit } of rows) console.log(`${what.padEnd(62)}${value.toLocaleString('en').padStart(14)} ${unit}`);
console.log(JSON.stringify({ node: process.version, rows }));
