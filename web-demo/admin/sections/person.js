// One person: groups by click, devices, and what an administrator can do for or to them.

import { askForm } from '../../shared/dialog.js';
import { h } from '../../shared/h.js';
import { redraw, thisMinute } from '../../shared/redraw.js';
import { count, moment, sentence } from '../../shared/words.js';
import { memberDeed, removeDeed, resumeDeed, signOutDeed, suspendDeed } from '../deeds.js';
import { concernsUser } from '../describe.js';
import { sessionRow, SESSION_COLUMNS } from '../session-row.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */
/** @typedef {import('../sections.js').Context} Context */
/** @typedef {import('../../shared/types.js').User} User */
/** @typedef {import('../../shared/types.js').Group} Group */
/** @typedef {import('../../shared/types.js').SessionItem} SessionItem */

/** @type {MakeSection} */
export function person(context, id) {
  const { api, names } = context;
  const heading = h('h1', { tabindex: -1 }, '…');
  const place = h('div.stack', { 'aria-busy': 'true' });

  let gone = false;
  let asked = 0;
  const sayGone = (/** @type {string} */ text) => {
    heading.textContent = 'Not there';
    redraw(place, text, () => [h('p.message.warning', { 'data-testid': 'person-gone' }, text)]);
  };
  const load = async () => {
    if (gone) {
      sayGone('This person was deleted.');
      return;
    }
    // An answer that was overtaken by a later one says nothing any more.
    const mine = ++asked;
    try {
      const [user, groups, sessions] = await Promise.all([
        api('GET', `/v1/users/${id}`),
        api('GET', '/v1/groups?limit=200'),
        api('GET', `/v1/sessions?state=live&limit=200&user_id=${id}`),
      ]);
      if (mine !== asked) return;
      names.learn(user.id, user.username);
      heading.textContent = user.display_name;
      place.setAttribute('aria-busy', 'false');
      redraw(place, [user, groups, sessions, thisMinute()], () => view(context, user, groups.items, sessions.items, load));
    } catch (error) {
      if (mine === asked) sayGone(sentence(error));
    }
  };
  void load();
  return {
    element: h('div.stack', { 'data-testid': 'section-person' }, h('p', {}, h('a', { href: '#/people' }, '← People')), heading, place),
    refresh: load,
    event: ({ type, data }) => {
      if (type === 'user.deleted' && data.user_id === id) gone = true;
    },
    concerns: (event) => concernsUser(event, id) || event.type.startsWith('group.'),
  };
}

/**
 * @param {Context} context
 * @param {User} user
 * @param {Group[]} groups
 * @param {SessionItem[]} sessions
 * @param {() => Promise<void>} load
 */
function view(context, user, groups, sessions, load) {
  const { act, go } = context;
  const suspended = user.status === 'suspended';
  /**
   * @param {string} testid
   * @param {string} label
   * @param {() => unknown} onclick
   * @param {string} [kind]
   */
  const button = (testid, label, onclick, kind = '') =>
    h('button.button', { type: 'button', class: `button ${kind}`.trim(), 'data-testid': testid, 'data-focus': testid, onclick }, label);

  return [
    h(
      'section.panel.stack',
      { 'aria-label': 'Account' },
      h(
        'dl.facts',
        {},
        fact('Signs in as', user.username),
        fact('State', h('span.chip', { class: suspended ? 'chip bad' : 'chip on', 'data-testid': 'person-state' }, suspended ? 'Suspended' : 'Active')),
        fact('Since', moment(user.created_at)),
        user.external_id && fact('External id', user.external_id),
        fact('May', user.permissions.length ? h('span.chips', {}, user.permissions.map((name) => h('span.chip', {}, name))) : 'nothing yet'),
      ),
      h(
        'div.actions',
        {},
        button('person-edit', 'Change', () => edit(context, user, load)),
        suspended
          ? button('person-resume', 'Resume', async () => (await act(resumeDeed(user))) && load())
          : button('person-suspend', 'Suspend', async () => (await act(suspendDeed(user))) && load()),
        button('person-delete', 'Delete', async () => (await act(removeDeed(user))) && go('#/people'), 'danger'),
      ),
    ),
    h(
      'section.panel.stack',
      { 'aria-labelledby': 'person-groups' },
      h('h2', { id: 'person-groups' }, 'Groups'),
      h(
        'div.choices',
        {},
        groups.map((group) => {
          const member = user.groups.includes(group.name);
          return h(
            'button.choice',
            {
              type: 'button',
              'aria-pressed': String(member),
              'data-testid': 'membership',
              'data-group': group.name,
              'data-focus': `group-${group.id}`,
              onclick: async () => (await act(memberDeed(user, group, !member))) && load(),
            },
            group.name,
          );
        }),
      ),
      h('p.quiet.small', {}, 'Click a group to add or remove. Giving is done at once; taking away asks first.'),
    ),
    h(
      'section.stack',
      { 'aria-labelledby': 'person-devices' },
      h(
        'div.row.between',
        {},
        h('h2', { id: 'person-devices' }, sessions.length ? `Signed in on ${count(sessions.length, 'device')}` : 'Not signed in'),
        sessions.length > 0 && button('person-sign-out', 'Sign out everywhere', async () => (await act(signOutDeed(user))) && load(), 'danger small'),
      ),
      sessions.length > 0 &&
        h(
          'div.table-wrap',
          { tabindex: 0, role: 'region', 'aria-label': `Devices of ${user.username}` },
          h(
            'table.table.cards',
            { 'data-testid': 'person-sessions' },
            h('thead', {}, h('tr', {}, SESSION_COLUMNS.slice(1).map((name) => h('th', { scope: 'col' }, name || h('span.sr-only', {}, 'Actions'))))),
            h('tbody', {}, sessions.map((item) => sessionRow(context, item, { person: false, done: load }))),
          ),
        ),
    ),
  ];
}

/**
 * @param {string} name
 * @param {import('../../shared/h.js').Child} value
 */
const fact = (name, value) => [h('dt', {}, name), h('dd', {}, value)];

/**
 * @param {Context} context
 * @param {User} user
 * @param {() => Promise<void>} load
 */
async function edit({ api, act, show }, user, load) {
  let password = '';
  const sent = await askForm({
    title: `Change ${user.username}`,
    submit: 'Save',
    testid: 'person-dialog',
    say: sentence,
    fields: [
      h('label.field', {}, h('span', {}, 'Name to sign in with'), h('input.input', { name: 'username', required: true, maxlength: 128, value: user.username, autocomplete: 'off' })),
      h('label.field', {}, h('span', {}, 'Name to show'), h('input.input', { name: 'display_name', required: true, maxlength: 200, value: user.display_name, autocomplete: 'off' })),
      h(
        'label.field',
        {},
        h('span', {}, 'New password'),
        h('input.input', { name: 'password', type: 'password', minlength: 8, autocomplete: 'new-password', 'aria-describedby': 'new-password-hint' }),
        h('span.hint', { id: 'new-password-hint' }, 'Leave it empty to keep the old one. A new one signs them out everywhere.'),
      ),
    ],
    send: async (data) => {
      password = String(data.get('password') ?? '');
      await api('PATCH', `/v1/users/${user.id}`, { username: String(data.get('username')).trim(), display_name: String(data.get('display_name')).trim() });
    },
  });
  if (!sent) return;
  show('Saved', `${user.username} is up to date.`);
  if (password) {
    await act({
      title: `Set a new password for ${user.username}?`,
      explain: 'They are signed out everywhere and sign in with the new one.',
      did: 'The password is set',
      confirm: 'Set it',
      danger: true,
      method: 'PATCH',
      path: `/v1/users/${user.id}`,
      body: { password },
    });
  }
  await load();
}
