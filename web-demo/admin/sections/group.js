// One group: its permissions, its priority, its members.

import { askForm } from '../../shared/dialog.js';
import { h } from '../../shared/h.js';
import { redraw } from '../../shared/redraw.js';
import { count, sentence } from '../../shared/words.js';
import { memberDeed } from '../deeds.js';
import { pagedList } from '../paged.js';
import { picker } from '../picker.js';
import { permissionsIn } from './groups.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */
/** @typedef {import('../sections.js').Context} Context */
/** @typedef {import('../../shared/types.js').Group} Group */
/** @typedef {import('../../shared/types.js').User} User */

/** @type {MakeSection} */
export function group(context, id) {
  const { api, act } = context;
  const heading = h('h1', { tabindex: -1 }, '…');
  const about = h('div.stack');
  /** @type {Group | null} */
  let shown = null;

  let gone = false;
  let asked = 0;
  const sayGone = (/** @type {string} */ text) => {
    heading.textContent = 'Not there';
    members.element.hidden = adding.hidden = true;
    redraw(about, text, () => [h('p.message.warning', { 'data-testid': 'group-gone' }, text)]);
  };
  const load = async () => {
    const mine = ++asked;
    try {
      const now = /** @type {Group} */ (await api('GET', `/v1/groups/${id}`));
      if (mine !== asked) return;
      shown = now;
      heading.textContent = now.name;
      members.element.hidden = adding.hidden = false;
      redraw(about, now, () => [view(context, now, load)]);
    } catch (error) {
      if (mine === asked) sayGone(sentence(error));
    }
  };

  const members = pagedList({
    api,
    path: `/v1/groups/${id}/members`,
    columns: ['Member', ''],
    caption: 'Members',
    empty: { icon: 'team', text: 'No members yet.' },
    testid: 'members',
    row: (/** @type {User} */ user) =>
      h(
        'tr',
        { 'data-testid': 'member-row', 'data-username': user.username },
        h('td', {}, h('a', { href: `#/people/${user.id}`, 'data-focus': `m-${user.id}` }, h('strong', {}, user.display_name)), h('span.quiet', {}, ` ${user.username}`)),
        h(
          'td.end',
          {},
          h(
            'button.button.small',
            {
              type: 'button',
              'data-testid': 'member-remove',
              'data-focus': `r-${user.id}`,
              'aria-label': `Remove ${user.username}`,
              onclick: async () => {
                if (shown && (await act(memberDeed(user, shown, false)))) refresh();
              },
            },
            'Remove',
          ),
        ),
      ),
  });
  const refresh = () => {
    if (gone) {
      sayGone('This group was deleted.');
      return;
    }
    void load();
    members.refresh();
  };

  const newcomer = picker(api, { kind: 'users', label: 'Add a person', testid: 'member-name' });
  const problem = h('p.message.critical', { role: 'alert', hidden: true });
  const adding = h(
    'form.beside',
    {
      'data-testid': 'member-form',
      onsubmit: async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        problem.hidden = true;
        try {
          const user = await newcomer.chosen();
          if (!user || !shown) return;
          if (await act(memberDeed({ id: user.id, username: user.name }, shown, true))) {
            newcomer.input.value = '';
            refresh();
          }
        } catch (error) {
          problem.textContent = sentence(error);
          problem.hidden = false;
        }
      },
    },
    h('div.search', {}, newcomer.element),
    h('button.button', { type: 'submit', 'data-testid': 'member-add' }, 'Add'),
  );

  void load();
  return {
    element: h('div.stack', { 'data-testid': 'section-group' }, h('p', {}, h('a', { href: '#/groups' }, '← Groups')), heading, about, h('h2', {}, 'Members'), problem, adding, members.element),
    refresh,
    event: ({ type, data }) => {
      if (type === 'group.deleted' && data.group_id === id) gone = true;
    },
    concerns: ({ type, data }) => (/^(group|membership)\./.test(type) && data.group_id === id) || /^user\.(updated|deleted)/.test(type),
  };
}

/**
 * @param {Context} context
 * @param {Group} shown
 * @param {() => Promise<void>} load
 */
function view(context, shown, load) {
  const { act, go } = context;
  const remove = async () => {
    const answer = await act({
      title: `Delete the group ${shown.name}?`,
      explain: `${count(shown.member_count, 'member')} lose what it gives. They stay signed in. This can’t be undone.`,
      did: `Group ${shown.name} is deleted`,
      confirm: 'Delete for good',
      danger: true,
      method: 'DELETE',
      path: `/v1/groups/${shown.id}`,
    });
    if (answer) go('#/groups');
  };
  return h(
    'section.panel.stack',
    { 'aria-label': 'Group' },
    h(
      'dl.facts',
      {},
      h('dt', {}, 'Members may'),
      h('dd', { 'data-testid': 'group-permissions' }, shown.permissions.length ? h('span.chips', {}, shown.permissions.map((name) => h('span.chip', { class: 'chip on' }, name))) : 'nothing'),
      h('dt', {}, 'Priority'),
      h('dd', {}, shown.priority),
      h('dt', {}, 'Members'),
      h('dd', {}, shown.member_count.toLocaleString('en')),
    ),
    h(
      'div.actions',
      {},
      h('button.button', { type: 'button', 'data-testid': 'group-edit-permissions', 'data-focus': 'permissions', onclick: () => editPermissions(context, shown, load) }, 'Change permissions'),
      h('button.button', { type: 'button', 'data-testid': 'group-edit', 'data-focus': 'edit', onclick: () => edit(context, shown, load) }, 'Name and priority'),
      h('button.button.danger', { type: 'button', 'data-testid': 'group-delete', 'data-focus': 'delete', onclick: remove }, 'Delete'),
    ),
  );
}

/**
 * @param {Context} context
 * @param {Group} shown
 * @param {() => Promise<void>} load
 */
async function editPermissions({ act }, shown, load) {
  /** @type {string[]} */
  let permissions = [];
  const sent = await askForm({
    title: `What members of ${shown.name} may do`,
    submit: 'See whom it reaches',
    testid: 'permissions-dialog',
    say: sentence,
    fields: h('label.field', {}, h('span', {}, 'Permissions, one a line'), h('textarea.input.mono', { name: 'permissions', rows: 7, spellcheck: 'false' }, shown.permissions.join('\n'))),
    send: async (data) => {
      permissions = permissionsIn(String(data.get('permissions')));
    },
  });
  if (!sent) return;
  const answer = await act({
    title: `Change what ${shown.name} may do?`,
    explain: 'Members stay signed in, and are told that their rights were updated.',
    did: `${shown.name} has new permissions`,
    confirm: 'Change',
    method: 'PUT',
    path: `/v1/groups/${shown.id}/permissions`,
    body: { permissions },
  });
  if (answer) await load();
}

/**
 * @param {Context} context
 * @param {Group} shown
 * @param {() => Promise<void>} load
 */
async function edit({ act }, shown, load) {
  /** @type {{ name?: string, priority?: number }} */
  let patch = {};
  const sent = await askForm({
    title: `Change ${shown.name}`,
    submit: 'See whom it reaches',
    testid: 'group-dialog',
    say: sentence,
    fields: [
      h('label.field', {}, h('span', {}, 'Name'), h('input.input', { name: 'name', required: true, maxlength: 128, value: shown.name })),
      h('label.field', {}, h('span', {}, 'Priority'), h('input.input', { name: 'priority', type: 'number', required: true, value: String(shown.priority) })),
    ],
    send: async (data) => {
      patch = { name: String(data.get('name')).trim(), priority: Number(data.get('priority')) };
    },
  });
  if (!sent) return;
  const answer = await act({
    title: `Change ${shown.name}?`,
    explain: 'Another priority may put another policy in force for members, and end sessions beyond its limit.',
    did: `${patch.name} is saved`,
    confirm: 'Change',
    method: 'PATCH',
    path: `/v1/groups/${shown.id}`,
    body: patch,
  });
  if (answer) await load();
}
