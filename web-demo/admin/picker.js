// Choosing a person or a group by name: a field that offers what fits, from the server, as one types.

import { h } from '../shared/h.js';
import { withQuery } from './api.js';

/** @typedef {import('./api.js').Api} Api */

const OFFERED = 8;
const TYPING_MS = 180;
let numbers = 0;

/**
 * @param {Api} api
 * @param {{ kind: 'users' | 'groups', label: string, testid: string, required?: boolean, onpick?: () => void }} options
 */
export function picker(api, { kind, label, testid, required = true, onpick }) {
  const id = `picker-${++numbers}`;
  const options = h('datalist', { id });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;

  /** @param {string} term */
  const find = async (term) => {
    const { items } = await api('GET', withQuery(`/v1/${kind}`, { search: term, limit: OFFERED }));
    return /** @type {{ id: string, name: string }[]} */ (
      items.map((/** @type {any} */ item) => ({ id: item.id, name: item.username ?? item.name }))
    );
  };
  const offer = async () => {
    try {
      const found = await find(input.value.trim());
      options.replaceChildren(...found.map(({ name }) => h('option', { value: name })));
    } catch {
      // Without suggestions the name can still be typed.
    }
  };
  const input = h('input.input', {
    list: id,
    required,
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
    'data-testid': testid,
    onfocus: offer,
    oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(offer, TYPING_MS);
    },
    onchange: () => onpick?.(),
  });
  return {
    element: h('label.field', {}, h('span', {}, label), input, options),
    input,
    /** @returns {Promise<{ id: string, name: string } | null>} the one of exactly that name */
    async chosen() {
      const name = input.value.trim();
      if (!name) return null;
      const found = (await find(name)).find((item) => item.name.toLowerCase() === name.toLowerCase());
      if (!found) throw { detail: `There is no ${kind === 'users' ? 'person' : 'group'} called “${name}”.` };
      return found;
    },
  };
}
