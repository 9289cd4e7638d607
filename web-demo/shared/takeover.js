// No seat is free: the four answers of a policy, as a person meets them. `evict_oldest` needs nothing here;
// `reject` says where the seat is taken; `ask` asks the newcomer; `approve` lets the newcomer wait while the
// other device decides.

import { ask } from './dialog.js';
import { h } from './h.js';
import { platformIcon } from './icons.js';
import { tell } from './relay.js';
import { ago, platformName } from './words.js';

/** @typedef {import('./types.js').Session} Session */
/** @typedef {import('./types.js').SignInResult} SignInResult */
/** @typedef {import('./types.js').Decided} Decided */
/** @typedef {import('./types.js').Refused} Refused */
/** @typedef {import('./types.js').Pending} Pending */
/** @typedef {import('./types.js').TakeoverRequest} TakeoverRequest */

/**
 * @param {Session} session
 * @param {{ username: string, password: string, rememberMe: boolean }} credentials
 * @returns {Promise<string>} what the form should say; '' when there is nothing to say
 */
export async function signInWithSeats(session, credentials) {
  /** @type {SignInResult | Decided} */
  let result = await session.signIn(credentials);
  for (;;) {
    if (result.outcome === 'signed_in' || result.outcome === 'cancelled') return '';
    if (result.outcome === 'denied') return 'The other device said no. You are not signed in here.';
    if (result.outcome === 'pending') {
      result = await wait(result);
      continue;
    }
    if (!result.takeOver) {
      await sayRefused(result);
      return '';
    }
    /** @type {NonNullable<Refused['takeOver']>} */
    const takeOver = result.takeOver;
    if (!(await offerTakeOver(result))) return '';
    tell('cause', 'takes the seat over');
    result = await takeOver();
  }
}

/** @param {Refused} refused */
function seats({ sessions }) {
  return h(
    'ul.stack',
    { 'data-testid': 'seats' },
    sessions.map(({ deviceName, platform, lastActiveAt }) =>
      h(
        'li.row',
        { 'data-testid': 'seat' },
        platformIcon(platform),
        h('span', {}, h('strong', {}, deviceName), h('span.quiet', {}, ` · ${platformName(platform)}, active ${ago(lastActiveAt)}`)),
      ),
    ),
  );
}

/** @param {Refused} refused */
const sayRefused = (refused) =>
  ask({
    title: 'You are already signed in elsewhere',
    body: [seats(refused), h('p', {}, 'Your organisation allows no more devices than that. Sign out there first, then try again here.')],
    answers: [{ value: 'ok', label: 'All right', kind: 'primary', testid: 'refused-ok' }],
    testid: 'refused-dialog',
  });

/** @param {Refused} refused */
async function offerTakeOver(refused) {
  const one = refused.sessions.length === 1 ? refused.sessions[0] : undefined;
  const answer = await ask({
    title: one ? `You are signed in on ${one.deviceName}. Sign out there?` : 'You are signed in on other devices. Sign out on the one used longest?',
    body: [seats(refused), h('p.quiet', {}, 'What isn’t saved there may be lost.')],
    answers: [
      { value: 'no', label: 'Stay signed in there', testid: 'take-over-no' },
      { value: 'yes', label: 'Sign out there, sign in here', kind: 'primary', testid: 'take-over-yes' },
    ],
    testid: 'take-over-dialog',
  });
  return answer === 'yes';
}

/**
 * @param {Pending} pending
 * @returns {Promise<Decided>}
 */
async function wait(pending) {
  /** @type {Decided | undefined} */
  let result;
  /** @type {unknown} */
  let failed;
  const answer = await ask({
    title: 'Waiting for your other device',
    body: [h('p', {}, 'You are signed in elsewhere, and that device is being asked. Please answer there.'), countdown(pending.expiresAt)],
    answers: [{ value: 'cancel', label: 'Cancel', testid: 'pending-cancel' }],
    testid: 'pending-dialog',
    until: (close) => {
      pending.decided.then(
        (decided) => {
          result = decided;
          close('decided');
        },
        (error) => {
          failed = error;
          close('decided');
        },
      );
    },
  });
  if (answer !== 'decided') {
    pending.cancel();
    return { outcome: 'cancelled' };
  }
  if (failed) throw failed;
  return /** @type {Decided} */ (result);
}

/**
 * Seconds left, for the eyes; the ears hear the dialog's sentence once and not every second.
 *
 * @param {string | Date} until
 */
function countdown(until) {
  const end = new Date(until).getTime();
  const text = h('p.quiet.number', { 'aria-hidden': 'true', 'data-testid': 'countdown' });
  const draw = () => {
    text.textContent = `${Math.max(0, Math.ceil((end - Date.now()) / 1000))} seconds left`;
  };
  draw();
  const timer = setInterval(() => (text.isConnected ? draw() : clearInterval(timer)), 500);
  return text;
}

/**
 * The other side of `approve`: this device holds the seat and is asked.
 *
 * @param {TakeoverRequest} request
 * @param {(title: string, body: string) => void} say where an answer that came too late is told
 */
export async function answerTakeover(request, say) {
  const answer = await ask({
    title: `${request.deviceName || 'Another device'} wants to sign in`,
    body: [
      h('p.row', {}, platformIcon(request.platform), h('span', {}, `${platformName(request.platform)}, with your name and password.`)),
      h('p', {}, 'If you allow it, you are signed out here. If this isn’t you, say no and change your password.'),
      countdown(request.expiresAt),
    ],
    answers: [
      { value: 'deny', label: 'No, stay here', testid: 'takeover-deny' },
      { value: 'allow', label: 'Allow and sign out here', kind: 'primary', testid: 'takeover-allow' },
    ],
    testid: 'takeover-dialog',
    until: (close) => {
      const left = new Date(request.expiresAt).getTime() - Date.now();
      const timer = setTimeout(() => close('late'), Math.max(0, left));
      return () => clearTimeout(timer);
    },
  });
  if (answer !== 'allow' && answer !== 'deny') return;
  tell('cause', answer === 'allow' ? 'allows it' : 'says no');
  const sent = answer === 'allow' ? request.approve() : request.deny();
  if (!sent) say('Your answer didn’t get through', 'This device isn’t connected at the moment.');
}
