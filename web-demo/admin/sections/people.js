// People: search, look, create. Everything about one person is on their own page.

import { askForm } from '../../shared/dialog.js';
import { h } from '../../shared/h.js';
import { sentence } from '../../shared/words.js';
import { pagedList } from '../paged.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */
/** @typedef {import('../sections.js').Context} Context */
/** @typedef {import('../../shared/types.js').User} User */
/** @typedef {import('../../shared/types.js').Group} Group */

/** @type {MakeSection} */
export function people(context) {
  const list = pagedList({
    api: context.api,
    path: '/v1/users',
    search: 'Find a person',
    columns: ['Name', 'Groups', 'State'],
    caption: 'People',
    empty: { icon: 'team', text: 'Nobody here yet. Create the first person.' },
    testid: 'people',
    row: (/** @type {User} */ user) => {
      context.names.learn(user.id, user.username);
      return h(
        'tr',
        { 'data-testid': 'person-row', 'data-username': user.username },
        h(
          'td',
          {},
          h('a', { href: `#/people/${user.id}`, 'data-focus': user.id, 'data-testid': 'person-link' }, h('strong', {}, user.display_name)),
          h('span.quiet', {}, ` ${user.username}`),
        ),
        h('td', { 'data-label': 'Groups' }, user.groups.length ? h('span.chips', {}, user.groups.map((name) => h('span.chip', {}, name))) : h('span.quiet', {}, 'none')),
        h('td', {}, h('span.chip', { class: user.status === 'active' ? 'chip on' : 'chip bad' }, user.status === 'active' ? 'Active' : 'Suspended')),
      );
    },
  });
  return {
    element: h(
      'div.stack',
      { 'data-testid': 'section-people' },
      h(
        'div.row.between',
        {},
        h('h1', { tabindex: -1 }, 'People'),
        h('button.button.primary', { type: 'button', 'data-testid': 'create-person', onclick: () => create(context) }, 'New person'),
      ),
      list.box,
      list.element,
    ),
    refresh: list.refresh,
    concerns: ({ type }) => /^(user|membership)\.|^group\.(updated|deleted)/.test(type),
  };
}

/** @param {Context} context */
async function create({ api, show, go }) {
  /** @type {{ items: Group[] }} */
  const { items } = await api('GET', '/v1/groups?limit=200');
  /** @type {User | undefined} */
  let made;
  await askForm({
    title: 'New person',
    submit: 'Create',
    testid: 'person-dialog',
    say: sentence,
    fields: [
      h('label.field', {}, h('span', {}, 'Name to sign in with'), h('input.input', { name: 'username', required: true, maxlength: 128, autocomplete: 'off', autocapitalize: 'none' })),
      h('label.field', {}, h('span', {}, 'Name to show'), h('input.input', { name: 'display_name', maxlength: 200, autocomplete: 'off' })),
      h(
        'label.field',
        {},
        h('span', {}, 'Password'),
        h('input.input', { name: 'password', type: 'password', minlength: 8, autocomplete: 'new-password', 'aria-describedby': 'password-hint' }),
        h('span.hint', { id: 'password-hint' }, 'At least 8 characters. Without one they can’t sign in by password.'),
      ),
      h('fieldset', {}, h('legend.label', {}, 'Groups'), items.map(({ name }) => h('label.check', {}, h('input', { type: 'checkbox', name: 'groups', value: name }), h('span', {}, `${name}\u2002`)))),
    ],
    send: async (data) => {
      const text = (/** @type {string} */ name) => String(data.get(name) ?? '').trim() || undefined;
      made = await api('POST', '/v1/users', {
        username: text('username'),
        display_name: text('display_name'),
        password: String(data.get('password') ?? '') || undefined,
        groups: data.getAll('groups').map(String),
      });
    },
  });
  if (!made) return;
  show('Created', `${made.username} is there.`);
  go(`#/people/${made.id}`);
}
