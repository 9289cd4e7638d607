// Home: who one is, what one may do here, and what to try with it.

import { h } from '../../shared/h.js';
import { icon } from '../../shared/icons.js';

/** @typedef {import('../routes.js').Context} Context */

const DOORS = [
  { path: '#/reports', name: 'Reports', icon: 'reports', needs: 'reports:read', text: 'How the quarter is going.' },
  { path: '#/billing', name: 'Billing', icon: 'billing', needs: 'billing:read', text: 'Invoices and what is due.' },
  { path: '#/team', name: 'Team', icon: 'team', needs: 'team:read', text: 'Who works on what.' },
  { path: '#/devices', name: 'My devices', icon: 'devices', needs: null, text: 'Where you are signed in.' },
];

function greeting() {
  const hour = new Date().getHours();
  return hour < 5 || hour >= 18 ? 'Good evening' : hour < 12 ? 'Good morning' : 'Good afternoon';
}

/**
 * @param {Context} context
 * @returns {Node}
 */
export function home({ session, rights, may }) {
  const first = (session.user?.displayName ?? '').split(' ')[0];
  return h(
    'div.stack.loose',
    { 'data-testid': 'page-home' },
    h('h1', { tabindex: -1 }, `${greeting()}, ${first || session.user?.username || 'you'}`),
    h(
      'ul.cards',
      { 'aria-label': 'Pages open to you' },
      DOORS.filter(({ needs }) => needs === null || may(needs)).map((door) =>
        h('li', {}, h('a.card-link', { href: door.path }, icon(door.icon), h('strong', {}, door.name), h('span.quiet', {}, door.text))),
      ),
    ),
    h(
      'section.panel.stack',
      { 'aria-labelledby': 'rights-title' },
      h('h2', { id: 'rights-title' }, 'Your rights'),
      chips('Groups', rights.groups, 'groups'),
      chips('Permissions', rights.permissions, 'permissions'),
    ),
    h(
      'section.panel.stack',
      { 'aria-labelledby': 'try-title' },
      h('h2', { id: 'try-title' }, 'Try it'),
      h('p', {}, 'Open the console, take a group away from yourself, and watch this page.'),
      h(
        'p.actions',
        {},
        h('a.button', { href: '/stage', 'data-testid': 'to-stage' }, 'All side by side'),
        h('a.button', { href: '/admin', target: '_blank', rel: 'noopener' }, 'Open the console'),
        h('a.button', { href: '/?as=phone&device_name=Phone&platform=ios', target: '_blank', rel: 'noopener' }, 'Be a second device'),
      ),
    ),
  );
}

/**
 * @param {string} label
 * @param {readonly string[]} names
 * @param {string} testid
 */
function chips(label, names, testid) {
  return h(
    'div.stack',
    {},
    h('h3.small.quiet', {}, label),
    names.length
      ? h('ul.chips', { 'data-testid': testid }, names.map((name) => h('li.chip', { class: 'chip on' }, name)))
      : h('p.quiet', { 'data-testid': testid }, 'None'),
  );
}
