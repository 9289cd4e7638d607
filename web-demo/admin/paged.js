// A list too long to be drawn whole: one page at a time, searched by the server, drawn anew when the log says
// that something changed. Ten thousand people are two hundred pages and never more than fifty rows.

import { h } from '../shared/h.js';
import { icon } from '../shared/icons.js';
import { redraw, thisMinute } from '../shared/redraw.js';
import { sentence } from '../shared/words.js';
import { withQuery } from './api.js';

/** @typedef {import('./api.js').Api} Api */

const ROWS = 50;
const TYPING_MS = 220;

/**
 * @template T
 * @param {{
 *   api: Api,
 *   path: string,
 *   query?: Record<string, string>,
 *   search?: string,
 *   columns: string[],
 *   caption: string,
 *   row: (item: T) => HTMLTableRowElement,
 *   prepare?: (items: T[]) => Promise<void>,
 *   empty: { icon: string, text: string },
 *   testid: string,
 * }} list
 */
export function pagedList({ api, path, query = {}, search, columns, caption, row, prepare, empty, testid }) {
  /** @type {(string | null)[]} the cursors of the pages up to this one */
  let trail = [null];
  /** @type {string | null} */
  let next = null;
  let asked = 0;
  let term = '';

  const body = h('tbody', { 'data-testid': `${testid}-rows` });
  const table = h(
    'div.table-wrap',
    { tabindex: 0, role: 'region', 'aria-label': caption, hidden: true },
    h(
      'table.table.cards',
      { 'data-testid': testid },
      h('caption.sr-only', {}, caption),
      h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name || h('span.sr-only', {}, 'Actions'))))),
      body,
    ),
  );
  const nothing = h('div.panel.empty', { hidden: true, 'data-testid': `${testid}-empty` });
  const problem = h('p.message.critical', { role: 'alert', hidden: true });
  const where = h('span.quiet.small.number', { role: 'status' });
  const back = h('button.button.small', { type: 'button', 'data-testid': 'page-back', onclick: () => (trail.pop(), turn()) }, 'Back');
  const on = h('button.button.small', { type: 'button', 'data-testid': 'page-next', onclick: () => (trail.push(next), turn()) }, 'Next');
  const pager = h('div.row', { hidden: true }, back, where, on);

  async function load() {
    const mine = ++asked;
    try {
      const page = await api('GET', withQuery(path, { ...query, search: term, limit: ROWS, cursor: trail.at(-1) }));
      await prepare?.(page.items);
      if (mine !== asked) return;
      next = page.next_cursor;
      if (page.items.length === 0 && trail.length > 1) {
        trail.pop();
        await load();
        return;
      }
      draw(page.items);
    } catch (error) {
      if (mine !== asked) return;
      problem.textContent = sentence(error);
      problem.hidden = false;
    }
  }

  /** Another page is read from its top. */
  async function turn() {
    await load();
    table.scrollIntoView({ block: 'start' });
    table.focus({ preventScroll: true });
  }

  /** @param {T[]} items */
  function draw(items) {
    problem.hidden = true;
    redraw(body, [items, thisMinute()], () => items.map(row));
    table.hidden = items.length === 0;
    nothing.hidden = items.length > 0;
    if (!items.length) nothing.replaceChildren(icon(empty.icon), h('p', {}, term ? `Nothing fits “${term}”.` : empty.text));
    pager.hidden = trail.length === 1 && !next;
    where.textContent = `Page ${trail.length}`;
    back.disabled = trail.length === 1;
    on.disabled = !next;
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  const box =
    search &&
    h(
      'label.field.search',
      {},
      h('span.sr-only', {}, search),
      h('input.input', {
        type: 'search',
        placeholder: search,
        'data-testid': `${testid}-search`,
        oninput: (/** @type {InputEvent} */ event) => {
          clearTimeout(typing);
          typing = setTimeout(() => {
            term = /** @type {HTMLInputElement} */ (event.target).value.trim();
            trail = [null];
            void load();
          }, TYPING_MS);
        },
      }),
    );
  void load();
  return { element: h('div.stack', {}, problem, table, nothing, pager), box: box || null, refresh: () => void load() };
}
