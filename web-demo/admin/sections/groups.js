// Groups: what their members may do, and whose policy wins.

import { askForm } from '../../shared/dialog.js';
import { h } from '../../shared/h.js';
import { sentence } from '../../shared/words.js';
import { pagedList } from '../paged.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */
/** @typedef {import('../sections.js').Context} Context */
/** @typedef {import('../../shared/types.js').Group} Group */

/** @type {MakeSection} */
export function groups(context) {
  const list = pagedList({
    api: context.api,
    path: '/v1/groups',
    search: 'Find a group',
    columns: ['Name', 'Permissions', 'Members', 'Priority'],
    caption: 'Groups',
    empty: { icon: 'groups', text: 'No group yet. Create the first.' },
    testid: 'groups',
    row: (/** @type {Group} */ group) =>
      h(
        'tr',
        { 'data-testid': 'group-row', 'data-group': group.name },
        h('td', {}, h('a', { href: `#/groups/${group.id}`, 'data-focus': group.id, 'data-testid': 'group-link' }, h('strong', {}, group.name))),
        h('td', { 'data-label': 'May' }, group.permissions.length ? h('span.chips', {}, group.permissions.map((name) => h('span.chip', {}, name))) : h('span.quiet', {}, 'nothing')),
        h('td.number', { 'data-label': 'Members' }, group.member_count.toLocaleString('en')),
        h('td.number', { 'data-label': 'Priority' }, group.priority),
      ),
  });
  return {
    element: h(
      'div.stack',
      { 'data-testid': 'section-groups' },
      h('div.row.between', {}, h('h1', { tabindex: -1 }, 'Groups'), h('button.button.primary', { type: 'button', 'data-testid': 'create-group', onclick: () => create(context) }, 'New group')),
      list.box,
      list.element,
    ),
    refresh: list.refresh,
    concerns: ({ type }) => /^(group|membership)\.|^user\.(created|deleted)/.test(type),
  };
}

/** @param {string} text one permission a line */
export const permissionsIn = (text) => [...new Set(text.split(/[\s,]+/).filter(Boolean))];

/** @param {Context} context */
async function create({ api, show, go }) {
  /** @type {Group | undefined} */
  let made;
  await askForm({
    title: 'New group',
    submit: 'Create',
    testid: 'group-dialog',
    say: sentence,
    fields: [
      h('label.field', {}, h('span', {}, 'Name'), h('input.input', { name: 'name', required: true, maxlength: 128, autocomplete: 'off' })),
      h('label.field', {}, h('span', {}, 'Permissions, one a line'), h('textarea.input.mono', { name: 'permissions', spellcheck: 'false', placeholder: 'reports:read' })),
      h(
        'label.field',
        {},
        h('span', {}, 'Priority'),
        h('input.input', { name: 'priority', type: 'number', value: '0', required: true, 'aria-describedby': 'priority-hint' }),
        h('span.hint', { id: 'priority-hint' }, 'Of several groups with a policy, the highest priority counts.'),
      ),
    ],
    send: async (data) => {
      made = await api('POST', '/v1/groups', {
        name: String(data.get('name')).trim(),
        permissions: permissionsIn(String(data.get('permissions'))),
        priority: Number(data.get('priority')),
      });
    },
  });
  if (!made) return;
  show('Created', `Group ${made.name} is there.`);
  go(`#/groups/${made.id}`);
}
