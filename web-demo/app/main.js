// The application. What is on the page follows from three things: the session, the address, and the rights
// that were drawn last. Nothing is drawn before it is known who is there.

import { closeDialogs } from '../shared/dialog.js';
import { openSession, settled } from '../shared/open-session.js';
import { onAsked, tell } from '../shared/relay.js';
import { reasonText, signInPage } from '../shared/sign-in.js';
import { answerTakeover } from '../shared/takeover.js';
import { makeToasts } from '../shared/toasts.js';
import { sentence } from '../shared/words.js';
import { deviceFrom } from './device.js';
import { rightsNow, sameRights } from './rights.js';
import { ROUTES, land } from './routes.js';
import { makeShell } from './shell.js';

/** @typedef {import('./routes.js').Rights} Rights */
/** @typedef {import('./routes.js').Route} Route */

const BOOT_PATIENCE_MS = 3000;

const { namespace, device } = deviceFrom(location.search);
const session = openSession({ namespace, device });
const root = /** @type {HTMLElement} */ (document.getElementById('root'));
const toasts = makeToasts();
const shell = makeShell({
  onSignOut: () => {
    tell('cause', 'signs out');
    signedOutHere = true;
    session.signOut().catch((error) => toasts.say('That didn’t work', sentence(error), 'warning'));
  },
  onRefresh: refresh,
});

/** @type {{ id: string | null, rights: Rights, route: Route | null } | null} what is drawn; null: the sign-in page */
let drawn = null;
/** @type {ReturnType<typeof signInPage> | null} */
let door = null;
let signedOutHere = false;
/** Whether somebody was here before: whoever comes next didn't ask for the page that they left. */
let left = false;
/** Why the door was drawn: it is drawn anew only for another reason, so that nobody's typing is lost. */
let doorReason = '';
/** Where the page was last seen before a reload, so that a page that is no longer allowed can be named. */
const SEEN = `sessionwire-demo:${namespace}:seen`;

const seen = {
  get: () => sessionStorage.getItem(SEEN),
  /** @param {string} path */
  set: (path) => sessionStorage.setItem(SEEN, path),
};

function drawDoor() {
  const reason = JSON.stringify(session.ended);
  if (door && doorReason === reason) return;
  doorReason = reason;
  if (drawn) {
    closeDialogs();
    left = true;
  }
  drawn = null;
  sessionStorage.removeItem(SEEN);
  door = signInPage(session, {
    title: 'Sign in',
    lead: 'Sign in twice, as two devices, and see what each of them hears.',
    brand: 'Sessionwire demo',
    offer: 'people',
    signedOutHere,
    onSent: (username) => tell('cause', `signs in as ${username}`),
  });
  document.title = 'Sign in · Sessionwire demo';
  root.replaceChildren(door.element);
  const banner = door.element.querySelector('[role="alert"]:not([hidden])');
  if (banner) door.element.querySelector('h1')?.focus();
}

/** A new session, or the first look at a kept one. */
function enter() {
  if (door) tell('answer', 'is signed in');
  door = null;
  drawn = { id: session.id, rights: rightsNow(session), route: null };
  if (left && land(location.hash, drawn.rights).turnedAway) goHome();
  left = signedOutHere = false;
  shell.rightsUpdated(false);
  shell.landed('');
  shell.connection(session.state);
  root.replaceChildren(shell.element);
  drawPage(true);
}

const goHome = () => history.replaceState(null, '', `${location.pathname}${location.search}#/`);

/** @param {boolean} anew draw even the same page again */
function drawPage(anew) {
  if (!drawn) return;
  const { route, turnedAway } = land(location.hash || '#/', drawn.rights);
  if (turnedAway) {
    goHome();
    const knew = drawn.route === turnedAway || seen.get() === turnedAway.path;
    const text = knew
      ? `${turnedAway.name} is no longer open to you, so you are back on Home.`
      : `${turnedAway.name} isn’t open to you, so here is Home.`;
    shell.landed(text);
    tell('effect', `lands on Home: ${turnedAway.name} is closed`, 'warn');
  } else if (drawn.route !== route) {
    shell.landed('');
  }
  seen.set(route.path);
  shell.frame(session, drawn.rights, route);
  if (!anew && drawn.route === route) return;
  drawn.route = route;
  document.title = `${route.name} · Sessionwire demo`;
  const { rights } = drawn;
  shell.page(
    route.view({
      session,
      rights,
      may: (permission) => rights.permissions.includes(permission),
      say: toasts.say,
    }),
  );
}

/** The button of the notice: the new rights, and the same page where they allow it. */
async function refresh() {
  tell('cause', 'refreshes');
  try {
    await session.refresh();
  } catch (error) {
    if (session.state !== 'ended') toasts.say('That didn’t work', sentence(error), 'warning');
    return;
  }
  if (!drawn || session.state === 'ended') return;
  drawn.rights = rightsNow(session);
  shell.rightsUpdated(false);
  const { turnedAway } = land(location.hash, drawn.rights);
  if (!turnedAway) tell('effect', 'stays on the page, with the new rights');
  drawPage(true);
}

/** Draws what the session's state asks for. */
function follow() {
  if (session.state === 'ended') {
    drawDoor();
    return;
  }
  if (!session.user) return;
  if (drawn?.id !== session.id) enter();
  shell.connection(session.state);
}

/** @param {string} state */
function tellState(state) {
  if (state === 'live') tell('state', `${session.user?.username ?? ''}, live`, 'calm', session.user?.username);
  else tell('state', state === 'ended' ? 'signed out' : state, 'calm', '');
}

function listen() {
  session.on('statechange', ({ state }) => {
    follow();
    tellState(state);
  });
  session.on('permissionschange', ({ gained, lost, groupsAdded, groupsRemoved }) => {
    if (!drawn) return;
    const changed = !sameRights(drawn.rights, rightsNow(session));
    shell.rightsUpdated(changed);
    const moved = [...groupsRemoved.map((name) => `left ${name}`), ...groupsAdded.map((name) => `joined ${name}`)].join(', ');
    tell('effect', `hears: rights updated${moved ? `, ${moved}` : ` (${gained.length + lost.length})`}`, 'warn');
  });
  session.on('ended', (ended) => {
    if (!signedOutHere) tell('effect', `is signed out: ${reasonText(ended)}`, 'bad');
    follow();
  });
  session.on('takeoverrequest', (request) => {
    tell('effect', `is asked: ${request.deviceName} wants the seat`, 'warn');
    void answerTakeover(request, (title, body) => toasts.say(title, body, 'warning'));
  });
  session.on('notice', ({ level, title, body }) => {
    tell('effect', `hears: “${title}”`, level === 'critical' ? 'bad' : level === 'warning' ? 'warn' : 'calm');
    toasts.say(title, body, level, 'notice');
  });
  session.on('sessionexpiring', ({ cause }) => {
    if (cause === 'idle_timeout') toasts.say('Still there?', 'You are signed out soon unless you go on.', 'warning');
    else toasts.say('Your session ends soon', 'You will have to sign in again.', 'warning');
  });
  session.on('error', ({ code, message }) => console.warn(`sessionwire: ${code}: ${message}`));
  addEventListener('hashchange', () => drawPage(false));
}

async function leaveQuietly() {
  signedOutHere = true;
  await session.signOut();
}

/** What the stage asks of this frame: to sign somebody in, to go to a page. */
onAsked(async (asked) => {
  if (asked.ask === 'sign-in') {
    if (session.state !== 'ended' && session.user?.username === asked.username) return;
    if (session.state !== 'ended') await leaveQuietly();
    await door?.signIn(String(asked.username), String(asked.password));
  } else if (asked.ask === 'go') {
    const route = ROUTES.find(({ path }) => path === asked.path);
    if (route && drawn) location.hash = route.path;
  }
});

await session.ready;
await settled(session, BOOT_PATIENCE_MS);
document.body.append(toasts.element);
listen();
follow();
tellState(session.state);
