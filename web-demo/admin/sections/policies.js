// Policies: how many sessions at once, what happens at the limit, how long they last. For everybody, for a
// group, for a person: the most particular one counts.

import { h } from '../../shared/h.js';
import { redraw } from '../../shared/redraw.js';
import { sentence } from '../../shared/words.js';
import { AT_LIMIT, lasting, policyForm, seatsText } from '../policy-form.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */
/** @typedef {import('../../shared/types.js').Policy} Policy */
/** @typedef {{ scope: { type: 'default' | 'group' | 'user', id: string | null }, policy: Policy }} Scoped */

/** @type {MakeSection} */
export function policies(context) {
  const { api, act, names } = context;
  const place = h('div.stack', { 'aria-busy': 'true', 'data-testid': 'policies' });
  /** @type {Map<string, string>} */
  const groupNames = new Map();

  /** @param {Scoped['scope']} scope */
  const scopeName = ({ type, id }) => (type === 'default' ? 'Everybody' : type === 'group' ? `Group ${groupNames.get(id ?? '') ?? '…'}` : names.of(id));
  /** @param {Scoped['scope']} scope */
  const pathOf = ({ type, id }) => (type === 'default' ? '/v1/policies/default' : `/v1/policies/${type}s/${id}`);

  /** @param {Scoped} scoped */
  const change = async ({ scope, policy }) => {
    const next = await policyForm(api, { title: `Policy for ${scopeName(scope)}`, policy });
    if (next) await put(pathOf(scope), scopeName(scope), next.policy);
  };
  const add = async () => {
    const made = await policyForm(api, { title: 'New policy', choose: true });
    if (made?.target) await put(`/v1/policies/${made.target.kind}/${made.target.id}`, made.target.name, made.policy);
  };
  /**
   * @param {string} path
   * @param {string} name
   * @param {Policy} body
   */
  const put = async (path, name, body) => {
    const answer = await act({
      title: `Set the policy for ${name}?`,
      explain: 'Sessions beyond the limit end, the oldest first.',
      did: `The policy for ${name} is set`,
      confirm: 'Set it',
      method: 'PUT',
      path,
      body,
    });
    if (answer) await load();
  };
  /** @param {Scoped} scoped */
  const remove = async ({ scope }) => {
    const answer = await act({
      title: `Remove the policy for ${scopeName(scope)}?`,
      explain: scope.type === 'default' ? 'Everybody goes back to the built-in policy: any number of sessions.' : 'The next wider policy counts again.',
      did: `The policy for ${scopeName(scope)} is removed`,
      confirm: 'Remove',
      danger: true,
      method: 'DELETE',
      path: pathOf(scope),
    });
    if (answer) await load();
  };

  /** @param {Scoped} scoped */
  const card = (scoped) => {
    const { scope, policy } = scoped;
    const name = scopeName(scope);
    return h(
      'section.panel.stack',
      { 'aria-label': `Policy for ${name}`, 'data-testid': 'policy', 'data-scope': scope.type, 'data-name': name },
      h('div.row.between', {}, h('h2', {}, name), h('span.chip', {}, scope.type === 'default' ? 'default' : scope.type === 'group' ? 'group' : 'person')),
      h('p', { 'data-testid': 'policy-text' }, seatsText(policy)),
      h('p.quiet.small', {}, lasting(policy)),
      h(
        'div.actions',
        {},
        h('button.button.small', { type: 'button', 'data-testid': 'policy-change', 'data-focus': `c-${scope.type}-${scope.id}`, 'aria-label': `Change the policy for ${name}`, onclick: () => change(scoped) }, 'Change'),
        h('button.button.small', { type: 'button', 'data-testid': 'policy-remove', 'data-focus': `r-${scope.type}-${scope.id}`, 'aria-label': `Remove the policy for ${name}`, onclick: () => remove(scoped) }, 'Remove'),
      ),
    );
  };

  let asked = 0;
  const load = async () => {
    const mine = ++asked;
    try {
      const [{ items }, groups] = await Promise.all([api('GET', '/v1/policies?limit=200'), api('GET', '/v1/groups?limit=200')]);
      for (const group of groups.items) groupNames.set(group.id, group.name);
      await names.look(items.map((/** @type {Scoped} */ { scope }) => (scope.type === 'user' ? scope.id : null)));
      place.setAttribute('aria-busy', 'false');
      const list = /** @type {Scoped[]} */ (items);
      if (!list.some(({ scope }) => scope.type === 'default')) {
        list.unshift({ scope: { type: 'default', id: null }, policy: await api('GET', '/v1/policies/default') });
      }
      if (mine !== asked) return;
      redraw(place, [list, groups], () => list.map(card));
    } catch (error) {
      redraw(place, sentence(error), () => [h('p.message.critical', { role: 'alert' }, sentence(error))]);
    }
  };
  void load();
  return {
    element: h(
      'div.stack',
      { 'data-testid': 'section-policies' },
      h('div.row.between', {}, h('h1', { tabindex: -1 }, 'Policies'), h('button.button.primary', { type: 'button', 'data-testid': 'create-policy', onclick: add }, 'New policy')),
      h('p.quiet', {}, 'A person’s own policy wins over all. Else the one of their group with the highest priority counts, else everybody’s.'),
      place,
      h('section.panel.stack', { 'aria-labelledby': 'limit-title' }, h('h2', { id: 'limit-title' }, 'What happens when no seat is free'), h('dl.answers', {}, AT_LIMIT.map(({ name, text }) => h('div', {}, h('dt', {}, name), h('dd', {}, text))))),
    ),
    refresh: () => void load(),
    concerns: ({ type }) => /^(policy|group)\./.test(type),
  };
}
