/** The connection's state machine, alone. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { hasSocket, OFF, shown, step, timersIn } from '../src/machine.js';

/** Feeds inputs one after the other; the state at the end and the effects of the last. */
function run(...inputs) {
  let state = OFF;
  let effects = [];
  for (const input of inputs) ({ state, effects } = step(state, input));
  return { state, effects: effects.map((effect) => effect.do), all: effects };
}

const start = { type: 'start', usable: true };
const welcome = { type: 'welcome', heartbeatMs: 60_000 };
const closed = (code, reason = '') => ({ type: 'closed', code, reason });
const timer = (name, usable = true) => ({ type: 'timer', name, usable });
const settled = timer('settled');

test('opens with a usable token, refreshes without', () => {
  assert.deepEqual(run(start).effects, ['open', 'timer']);
  const without = run({ type: 'start', usable: false });
  assert.equal(without.state.phase, 'refreshing');
  assert.deepEqual(without.effects, ['refresh']);
  assert.deepEqual(run({ type: 'start', usable: false }, { type: 'token' }).effects, ['open', 'timer']);
});

for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 3000, 4000, 4002, 4003, 4004, 4005, 4006, 4400, 4499, 5000]) {
  test(`${code} comes back with back-off`, () => {
    const { state, all } = run(start, welcome, closed(code));
    assert.equal(state.phase, 'waiting');
    assert.deepEqual(all, [{ do: 'backoff', attempt: 1, atLeastMs: 0 }]);
  });
}

for (const code of [4501, 4502, 4503]) {
  test(`${code} is the end`, () => {
    const { state, all } = run(start, welcome, closed(code, 'superseded'));
    assert.equal(state.phase, 'off');
    assert.deepEqual(all, [{ do: 'end', code, reason: 'superseded' }]);
  });
}

for (const code of [4504, 4505, 4506, 4507, 4999]) {
  test(`${code} stays out and reports`, () => {
    const { state, effects } = run(start, welcome, closed(code, 'protocol_error'));
    assert.equal(state.phase, 'out');
    assert.deepEqual(effects, ['report']);
    assert.deepEqual(timersIn(state), []);
    for (const input of [{ type: 'token' }, { type: 'wake', usable: true }, { type: 'online' }, { type: 'person' }]) {
      const after = step(state, input);
      assert.equal(after.state.phase, 'out');
      assert.deepEqual(after.effects, []);
    }
  });
}

test('4001 refreshes at once, and with back-off when it happens again before the connection settled', () => {
  const first = run(start, welcome, closed(4001));
  assert.deepEqual(first.effects, ['refresh']);
  const again = run(start, welcome, closed(4001), { type: 'token' }, welcome, closed(4001));
  assert.equal(again.state.phase, 'waiting');
  const retried = step(again.state, timer('retry'));
  assert.deepEqual(retried.effects, [{ do: 'refresh' }], 'the token that ran out is not used again');
  assert.deepEqual(run(start, welcome, closed(4001), { type: 'token' }, welcome, settled, closed(4001)).effects, ['refresh']);
});

test('4500 refreshes once, then it is the end', () => {
  assert.deepEqual(run(start, closed(4500)).effects, ['refresh']);
  assert.deepEqual(run(start, closed(4500), { type: 'token' }, closed(4500)).effects, ['end']);
  assert.deepEqual(run(start, closed(4500), { type: 'token' }, welcome, closed(4500)).effects, ['end'], 'a welcome alone proves nothing');
  assert.deepEqual(run(start, closed(4500), { type: 'token' }, welcome, settled, closed(4500)).effects, ['refresh']);
});

test("the server's after_ms wins over the back-off, and over `online`", () => {
  const { state, all } = run(start, welcome, { type: 'reconnect', afterMs: 1234 }, closed(4000));
  assert.deepEqual(all, [{ do: 'timer', name: 'retry', ms: 1234 }]);
  assert.equal(step(state, { type: 'online' }).state.phase, 'waiting');
  assert.equal(step(state, { type: 'wake', usable: true }).state.phase, 'waiting');
  assert.equal(step(state, timer('retry')).state.phase, 'opening');
  const twice = run(start, welcome, { type: 'reconnect', afterMs: 1234 }, closed(4000), timer('retry'), closed(1006));
  assert.deepEqual(twice.all, [{ do: 'backoff', attempt: 2, atLeastMs: 0 }], 'it holds for one return');
});

test('the back-off grows over welcomes and is reset by a connection that lived', () => {
  const flapping = run(start, welcome, closed(1006), timer('retry'), welcome, closed(1006));
  assert.deepEqual(flapping.all, [{ do: 'backoff', attempt: 2, atLeastMs: 0 }]);
  const lived = run(start, welcome, closed(1006), timer('retry'), welcome, settled, closed(1006));
  assert.deepEqual(lived.all, [{ do: 'backoff', attempt: 1, atLeastMs: 0 }]);
});

test('asks whether the socket lives after silence, waking, and a change of network', () => {
  for (const input of [timer('silence'), { type: 'wake', usable: true }, { type: 'online' }, { type: 'offline' }]) {
    const { state, effects } = run(start, welcome, input);
    assert.deepEqual(effects, ['ping', 'timer'], input.type);
    assert.deepEqual(timersIn(state), ['pong', 'settled']);
    assert.deepEqual(step(state, input).effects, [], 'one question at a time');
    const dead = step(state, timer('pong'));
    assert.equal(dead.state.phase, 'waiting');
    assert.equal(hasSocket(dead.state), false);
    assert.equal(step(state, { type: 'heard' }).state.probing, false);
  }
});

test('a connection that is never welcomed is given up', () => {
  assert.equal(run(start, timer('welcome')).state.phase, 'waiting');
});

test('rests when the token ran out and nobody is there; comes back with the person or a token', () => {
  const resting = run(start, welcome, closed(4001), { type: 'refresh_failed', resting: true });
  assert.equal(resting.state.phase, 'resting');
  assert.deepEqual(timersIn(resting.state), []);
  assert.equal(shown(resting.state), 'offline');
  assert.deepEqual(step(resting.state, { type: 'person' }).effects, [{ do: 'refresh' }]);
  assert.equal(step(resting.state, { type: 'token' }).state.phase, 'opening');
});

test('a refresh that failed waits at least as long as the server asked', () => {
  const failed = run({ type: 'start', usable: false }, { type: 'refresh_failed', resting: false, waitMs: 7000 });
  assert.deepEqual(failed.all, [{ do: 'backoff', attempt: 1, atLeastMs: 7000 }]);
});

test('the network coming back cuts the wait short', () => {
  const offline = run(start, { type: 'offline' }, closed(1006));
  assert.deepEqual(offline.all, [{ do: 'backoff', attempt: 1, atLeastMs: 15_000 }], 'hardly tries without one');
  const waiting = run(start, closed(1006), timer('retry'), closed(1006), { type: 'offline' });
  assert.equal(shown(waiting.state), 'offline');
  const back = step(waiting.state, { type: 'online' });
  assert.deepEqual(back.effects, [{ do: 'backoff', attempt: 1, atLeastMs: 0 }]);
  assert.equal(shown(back.state), 'connecting');
  assert.equal(step(back.state, timer('retry')).state.phase, 'opening');
});

test('a timer of another phase does nothing', () => {
  assert.deepEqual(run(start, welcome, timer('retry')).effects, []);
  assert.deepEqual(run(start, welcome, timer('pong')).effects, []);
  assert.deepEqual(run(start, { type: 'stop' }, timer('welcome')).effects, []);
});

test('whatever happens: off has nothing, and no input but start leaves it', () => {
  const inputs = everyInput();
  for (const input of inputs.filter(({ type }) => type !== 'start')) {
    const { state, effects } = step(OFF, input);
    assert.equal(state.phase, 'off', input.type);
    assert.deepEqual(effects, [], input.type);
  }
  assert.deepEqual(timersIn(OFF), []);
  assert.equal(hasSocket(OFF), false);
});

test('over long random walks: timers only where allowed, a socket is opened only from without one', () => {
  const inputs = everyInput();
  let seed = 7;
  const chance = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  let state = OFF;
  for (let turn = 0; turn < 50_000; turn += 1) {
    const input = inputs[Math.floor(chance() * inputs.length)];
    const before = state;
    const result = step(state, input);
    state = result.state;
    for (const effect of result.effects) {
      if (effect.do === 'timer') assert.ok(timersIn(state).includes(effect.name), `${effect.name} in ${state.phase}`);
      if (effect.do === 'backoff') assert.ok(timersIn(state).includes('retry'));
      if (effect.do === 'open') assert.ok(input.type === 'start' || !hasSocket(before), `${before.phase} ${input.type}`);
    }
    // Every phase has something that leads out of it.
    if (state.phase === 'waiting' && before.phase !== 'waiting') {
      assert.ok(result.effects.some((effect) => effect.do === 'backoff' || effect.do === 'timer'), input.type);
    }
    if (state.phase === 'refreshing' && before.phase !== 'refreshing') assert.deepEqual(result.effects, [{ do: 'refresh' }]);
  }
});

function everyInput() {
  const codes = [1000, 1006, 4000, 4001, 4003, 4500, 4501, 4505];
  return [
    start,
    { type: 'start', usable: false },
    { type: 'stop' },
    { type: 'token' },
    { type: 'refresh_failed', resting: true },
    { type: 'refresh_failed', resting: false },
    welcome,
    { type: 'heard' },
    ...codes.map((code) => closed(code)),
    { type: 'reconnect', afterMs: 10 },
    ...['retry', 'welcome', 'silence', 'pong', 'settled'].flatMap((name) => [timer(name), timer(name, false)]),
    { type: 'online' },
    { type: 'offline' },
    { type: 'wake', usable: true },
    { type: 'wake', usable: false },
    { type: 'person' },
  ];
}
