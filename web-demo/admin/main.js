// The console. It signs in like everybody else, under a name of its own in the browser's storage, and follows
// the log to know when to look again.

import { closeDialogs } from '../shared/dialog.js';
import { h } from '../shared/h.js';
import { mark } from '../shared/icons.js';
import { openSession, settled } from '../shared/open-session.js';
import { onAsked, tell } from '../shared/relay.js';
import { signInPage } from '../shared/sign-in.js';
import { answerTakeover } from '../shared/takeover.js';
import { themeToggle } from '../shared/theme.js';
import { makeToasts } from '../shared/toasts.js';
import { sentence } from '../shared/words.js';
import { makeAct } from './act.js';
import { makeApi } from './api.js';
import { makeNames } from './names.js';
import { find } from './sections.js';
import { makeShell } from './shell.js';
import { runAsked } from './staged.js';
import { follow } from './stream.js';

/** @typedef {import('./sections.js').Section} Section */
/** @typedef {import('./sections.js').Context} Context */

const BOOT_PATIENCE_MS = 3000;
const LOOK_AGAIN_MS = 150;
const LOOK_AGAIN_AFTER_MS = 1000;
const PULSES = 300;
const RECENT = 200;
const ADMIN = 'sessionwire:admin';

const session = openSession({ namespace: 'console', device: { name: 'Console', platform: 'web' } });
const root = /** @type {HTMLElement} */ (document.getElementById('root'));
const toasts = makeToasts();
const api = makeApi(session);
const names = makeNames(api);
let signedOutHere = false;
const shell = makeShell({ onSignOut: signOut });
/** @type {Context} */
const context = {
  session,
  api,
  names,
  act: makeAct(api, shell.receipt),
  show: (did, text) => shell.receipt(did, text),
  pulses: [],
  recent: [],
  go: (hash) => void (location.hash = hash),
};

/** @type {string | null} whose page is drawn: a session's id with its standing, '' for the door */
let drawn = null;
let doorReason = '';
/** @type {ReturnType<typeof signInPage> | null} */
let door = null;
/** @type {Section | null} */
let section = null;
/** @type {(() => void) | null} */
let stopFollowing = null;

function signOut() {
  signedOutHere = true;
  session.signOut().catch((error) => toasts.say('That didn’t work', sentence(error), 'warning'));
}

function drawDoor() {
  const reason = JSON.stringify(session.ended);
  if (door && doorReason === reason) return;
  if (drawn) closeDialogs();
  leave();
  doorReason = reason;
  door = signInPage(session, {
    title: 'Console',
    lead: 'For administrators.',
    brand: 'Sessionwire',
    offer: 'admin',
    signedOutHere,
  });
  document.title = 'Sign in · Sessionwire console';
  root.replaceChildren(door.element);
}

/** Somebody signed in who is no administrator: said kindly, with the way out. */
function drawNotAllowed() {
  leave();
  document.title = 'Not for you · Sessionwire console';
  root.replaceChildren(
    h(
      'div.sign-in',
      { 'data-testid': 'not-allowed' },
      h('header.sign-in-top', {}, h('span.brand', {}, mark(), 'Sessionwire'), themeToggle()),
      h(
        'main.sign-in-main',
        { id: 'main' },
        h('h1', { tabindex: -1 }, 'This is the administrators’ room'),
        h('p', {}, `You are signed in as ${session.user?.displayName ?? session.user?.username ?? 'somebody'}, without the right to use the console. An administrator can give it to you.`),
        h('div.actions', {}, h('button.button.primary', { type: 'button', 'data-testid': 'sign-out', onclick: signOut }, 'Sign in as somebody else')),
      ),
    ),
  );
}

function leave() {
  stopFollowing?.();
  stopFollowing = null;
  section = null;
  door = null;
  drawn = null;
}

function enter() {
  leave();
  signedOutHere = false;
  context.pulses.length = context.recent.length = 0;
  root.replaceChildren(shell.element);
  shell.noReceipt();
  stopFollowing = follow(session, {
    event: (event) => {
      context.recent.push(event);
      if (context.recent.length > RECENT) context.recent.shift();
      names.hear(event);
      section?.event?.(event);
      if (section?.concerns?.(event)) lookAgain();
    },
    pulse: (pulse) => {
      context.pulses.push(pulse);
      if (context.pulses.length > PULSES) context.pulses.shift();
      section?.pulse?.(pulse);
    },
    state: shell.stream,
  });
  drawSection();
}

/** @type {ReturnType<typeof setTimeout> | null} */
let looking = null;
let lookedAt = 0;

/** Soon after the first event of a burst, and at most once a second. */
function lookAgain() {
  if (looking) return;
  const wait = Math.max(LOOK_AGAIN_MS, lookedAt + LOOK_AGAIN_AFTER_MS - Date.now());
  looking = setTimeout(() => {
    looking = null;
    lookedAt = Date.now();
    section?.refresh?.();
  }, wait);
}

function drawSection() {
  const { entry, make, id } = find(location.hash);
  shell.frame(entry, session.user?.username ?? '');
  section = make(context, id);
  document.title = `${entry.name} · Sessionwire console`;
  shell.page(section.element);
}

function look() {
  if (session.state === 'ended') {
    drawDoor();
    return;
  }
  if (!session.user) return;
  const standing = `${session.id} ${session.can(ADMIN)}`;
  if (standing === drawn) return;
  if (session.can(ADMIN)) enter();
  else drawNotAllowed();
  drawn = standing;
}

/** For the stage: who is here. */
function tellState() {
  if (session.state === 'live') tell('state', `${session.user?.username ?? ''}, live`, 'calm', session.user?.username);
  else tell('state', session.state === 'ended' ? 'signed out' : session.state, 'calm', '');
}

await session.ready;
await settled(session, BOOT_PATIENCE_MS);
document.body.append(toasts.element);
session.on('statechange', () => {
  look();
  tellState();
});
session.on('permissionschange', look);
session.on('ended', look);
session.on('notice', ({ level, title, body }) => toasts.say(title, body, level, 'notice'));
session.on('takeoverrequest', (request) => void answerTakeover(request, (title, body) => toasts.say(title, body, 'warning')));
session.on('error', ({ code, message }) => console.warn(`sessionwire: ${code}: ${message}`));
addEventListener('hashchange', () => {
  if (section) drawSection();
});
onAsked(async (asked) => {
  if (asked.ask === 'sign-in') {
    if (session.state === 'ended') await door?.signIn(String(asked.username), String(asked.password));
  } else if (section) {
    await runAsked(context, asked);
  }
});
look();
tellState();
