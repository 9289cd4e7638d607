// The sign-in page: why one is here, the demo's people as one-click buttons where the server offers them,
// and the form. Everything that can be answered at a limit is led through in takeover.js.

import { h } from './h.js';
import { mark } from './icons.js';
import { signInWithSeats } from './takeover.js';
import { themeToggle } from './theme.js';
import { initials, sentence } from './words.js';

/** @typedef {import('./types.js').Session} Session */
/** @typedef {import('./types.js').Ended} Ended */
/** @typedef {{ username: string, password: string, groups?: string[] }} Account */
/** @typedef {{ users: Account[], admin: Account }} Demo */

/** @type {Promise<Demo | null> | undefined} */
let demo;

/** @returns {Promise<Demo | null>} the demo's people; null on any other server */
function demoPeople() {
  demo ??= fetch('/demo.json')
    .then((answer) => (answer.status === 200 ? answer.json() : null))
    .catch(() => null);
  return demo;
}

/**
 * @param {Ended} ended
 * @returns {string} why, and by which device where that is known
 */
export function reasonText({ message, replacedBy }) {
  if (!replacedBy?.deviceName || message.includes(replacedBy.deviceName)) return message;
  return `${message.replace(/\.$/, '')}: ${replacedBy.deviceName}.`;
}

/**
 * The banner that says why somebody was signed out. Signing out oneself needs no explanation.
 *
 * @param {Ended} ended
 * @param {boolean} here whether it was asked for on this page
 */
function endedBanner(ended, here) {
  if (ended.reason === 'signed_out' && !here) {
    ended = { ...ended, message: 'You signed out in another tab or on another device.' };
  }
  const tone = ended.reason === 'signed_out' ? '' : ended.reason === 'superseded' ? 'warning' : 'critical';
  return h(
    'div.message',
    { class: `message ${tone}`.trim(), role: 'alert', 'data-testid': 'ended', 'data-reason': ended.reason },
    h('div', {}, h('strong', {}, ended.reason === 'signed_out' ? 'Signed out' : 'You were signed out'), h('p', {}, reasonText(ended))),
  );
}

/**
 * @param {Session} session
 * @param {{ title: string, lead: string, brand: string, offer: 'people' | 'admin', signedOutHere?: boolean, onSent?: (username: string) => void }} page
 * @returns {{ element: HTMLElement, signIn(username: string, password: string): Promise<void> }}
 */
export function signInPage(session, { title, lead, brand, offer, signedOutHere = false, onSent }) {
  const problem = h('p.message.critical', { role: 'alert', hidden: true, 'data-testid': 'sign-in-problem' });
  const name = h('input.input', {
    name: 'username', required: true, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false',
    maxlength: 128, 'data-testid': 'username',
  });
  const password = h('input.input', {
    name: 'password', type: 'password', required: true, autocomplete: 'current-password', 'data-testid': 'password',
  });
  const remember = h('input', { type: 'checkbox', name: 'remember', 'data-testid': 'remember-me' });
  const go = h('button.button.primary', { type: 'submit', 'data-testid': 'sign-in' }, 'Sign in');
  const offered = h('div.stack', { 'data-testid': 'people', hidden: true });
  let busy = false;

  /**
   * @param {string} username
   * @param {string} secret
   * @param {boolean} [rememberMe]
   */
  const signIn = async (username, secret, rememberMe = false) => {
    if (busy) return;
    busy = go.disabled = true;
    problem.hidden = true;
    onSent?.(username);
    try {
      const says = await signInWithSeats(session, { username, password: secret, rememberMe });
      if (says) show(says);
    } catch (error) {
      show(sentence(error));
    } finally {
      busy = go.disabled = false;
    }
  };
  /** @param {string} text */
  const show = (text) => {
    problem.textContent = text;
    problem.hidden = false;
  };

  const form = h(
    'form.form',
    {
      'aria-label': 'Sign in',
      'data-testid': 'sign-in-form',
      onsubmit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        void signIn(name.value.trim(), password.value, remember.checked);
      },
    },
    h('label.field', {}, h('span', {}, 'Name'), name),
    h('label.field', {}, h('span', {}, 'Password'), password),
    h('label.check', {}, remember, h('span', {}, 'Keep me signed in on this device')),
    go,
  );

  void demoPeople().then((people) => {
    if (!people) return;
    const accounts = offer === 'admin' ? [people.admin] : people.users;
    offered.replaceChildren(...accountButtons(accounts, signIn));
    offered.hidden = false;
  });

  const heading = h('h1', { tabindex: -1 }, title);
  const element = h(
    'div.sign-in',
    { 'data-testid': 'sign-in-page' },
    h('header.sign-in-top', {}, h('span.brand', {}, mark(), brand), themeToggle()),
    h(
      'main.sign-in-main',
      { id: 'main' },
      session.ended && endedBanner(session.ended, signedOutHere),
      h('div.stack', {}, heading, h('p.quiet', {}, lead)),
      problem,
      offered,
      form,
    ),
  );
  return { element, signIn };
}

/**
 * @param {Account[]} accounts
 * @param {(username: string, password: string) => Promise<void>} signIn
 * @returns {Node[]}
 */
function accountButtons(accounts, signIn) {
  const list = h(
    'ul.people',
    { 'aria-label': 'People of this demo' },
    accounts.map(({ username, password, groups }) =>
      h(
        'li',
        {},
        h(
          'button.person-button',
          { type: 'button', 'data-testid': `person-${username}`, onclick: () => signIn(username, password) },
          h('span.avatar', { 'aria-hidden': 'true' }, initials(username)),
          h(
            'span',
            {},
            h('strong', {}, `Sign in as ${username}`),
            h('span.quiet.small', {}, groups?.length ? groups.join(', ') : 'administrators'),
          ),
        ),
      ),
    ),
  );
  return [list, h('p.or', {}, 'or with a password')];
}
