// Notices: something said to a person or a group, on whatever they have open now.

import { h } from '../../shared/h.js';
import { sentence } from '../../shared/words.js';
import { picker } from '../picker.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */

/** @type {[string, string, string][]} */
const LEVELS = [
  ['info', 'For information', 'A quiet word at the edge of the page.'],
  ['warning', 'Warning', 'The same, in amber.'],
  ['critical', 'Critical', 'Stays until it is dismissed, and is read out at once.'],
];

/** @type {MakeSection} */
export function notices({ api, act }) {
  const person = picker(api, { kind: 'users', label: 'Person', testid: 'notice-person', required: false });
  const group = picker(api, { kind: 'groups', label: 'or group', testid: 'notice-group', required: false });
  const problem = h('p.message.critical', { role: 'alert', hidden: true });
  const form = h(
    'form.form.panel',
    {
      'data-testid': 'notice-form',
      onsubmit: async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        problem.hidden = true;
        try {
          await send(new FormData(form));
        } catch (error) {
          problem.textContent = sentence(error);
          problem.hidden = false;
        }
      },
    },
    h('div.form-row', {}, person.element, group.element),
    h(
      'fieldset.stack',
      {},
      h('legend.label', {}, 'How loud'),
      LEVELS.map(([value, name, text], index) =>
        h('label.check', {}, h('input', { type: 'radio', name: 'level', value, checked: index === 0, 'data-testid': `notice-level-${value}` }), h('span', {}, name, h('span.quiet', {}, ` ${text}`))),
      ),
    ),
    h('label.field', {}, h('span', {}, 'Title'), h('input.input', { name: 'title', required: true, maxlength: 120, autocomplete: 'off', 'data-testid': 'notice-title' })),
    h('label.field', {}, h('span', {}, 'Text'), h('textarea.input', { name: 'body', required: true, maxlength: 2000, 'data-testid': 'notice-body' })),
    problem,
    h('div.actions', {}, h('button.button.primary', { type: 'submit', 'data-testid': 'notice-send' }, 'Send')),
  );

  /** @param {FormData} data */
  async function send(data) {
    const [one, many] = await Promise.all([person.chosen(), group.chosen()]);
    if (!one === !many) throw { detail: 'Choose a person or a group.' };
    const to = one ?? many;
    if (!to) return;
    const answer = await act({
      title: `Send this notice to ${to.name}?`,
      explain: `“${String(data.get('title'))}”`,
      did: `Sent to ${to.name}`,
      confirm: 'Send',
      method: 'POST',
      path: `/v1/${one ? 'users' : 'groups'}/${to.id}/notices`,
      body: { level: data.get('level'), title: String(data.get('title')), body: String(data.get('body')) },
    });
    if (answer) form.reset();
  }

  return {
    element: h('div.stack', { 'data-testid': 'section-notices' }, h('h1', { tabindex: -1 }, 'Notices'), h('p.quiet', {}, 'Reaches devices that are connected now. Who comes later doesn’t get it.'), form),
  };
}
