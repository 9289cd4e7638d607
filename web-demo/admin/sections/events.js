// Events: the log, live, newest first, by kind and by person. It keeps a window of the last events and no
// more; what is older is asked for piece by piece.

import { h } from '../../shared/h.js';
import { icon } from '../../shared/icons.js';
import { clock, moment, sentence } from '../../shared/words.js';
import { withQuery } from '../api.js';
import { EVENT_TYPES, concernsUser, describe } from '../describe.js';
import { picker } from '../picker.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */
/** @typedef {import('../../shared/types.js').LogEvent} LogEvent */

/** How far one look goes back, in positions: further the less of it can fit. */
const WINDOW = { all: 1_000, kind: 5_000, person: 100_000 };
const SHOWN_MAX = 200;
/** Events of one change come together; the one with the name may be the last. */
const TOGETHER_MS = 80;

/** @type {MakeSection} */
export function events({ api, names, pulses, recent }) {
  /** @type {LogEvent[]} */
  let shown = [];
  let from = 0;
  let asked = 0;
  let kind = '';
  let user = '';

  const log = h('ol.wire.log', { 'data-testid': 'event-log', 'aria-label': 'Events, newest first' });
  const nothing = h('div.empty', { hidden: true }, icon('events'), h('p', {}, 'Nothing like that here. It may be further back.'));
  const problem = h('p.message.critical', { role: 'alert', hidden: true });
  const earlier = h('button.button.small', { type: 'button', 'data-testid': 'events-earlier', onclick: () => void load(true) }, 'Look further back');

  const head = () => Math.max(pulses.at(-1)?.head ?? 0, recent.at(-1)?.seq ?? 0);

  /** @param {LogEvent} event */
  const fits = (event) => (!kind || event.type === kind) && (!user || concernsUser(event, user));

  const draw = async () => {
    shown.forEach(names.hear);
    await names.look(shown.flatMap(({ data, subject, actor }) => [data.user_id, data.to?.user, ...[subject, actor].map(({ type, id }) => (type === 'user' ? id : null))]));
    nothing.hidden = shown.length > 0;
    earlier.hidden = from === 0 || shown.length >= SHOWN_MAX;
    log.replaceChildren(
      ...shown.map((event) => {
        const { text, tone } = describe(event, names.of);
        const by = event.actor.type === 'user' ? `by ${names.of(event.actor.id)}` : event.actor.type === 'api_key' ? 'by an API key' : 'by the system';
        return h(
          'li',
          { class: tone || null, 'data-testid': 'event', 'data-type': event.type, 'data-seq': event.seq },
          h('p.row', {}, h('time', { datetime: event.at, title: moment(event.at) }, clock(event.at)), h('span', {}, text), h('span.quiet.small', {}, `${by} · `, h('span.number', {}, `#${event.seq}`))),
        );
      }),
    );
  };

  /** @param {boolean} further */
  const load = async (further) => {
    const mine = ++asked;
    try {
      const until = further ? from : Number.MAX_SAFE_INTEGER;
      const reach = user ? WINDOW.person : kind ? WINDOW.kind : WINDOW.all;
      const start = Math.max(0, (further ? from : head()) - reach);
      /** @type {LogEvent[]} */
      const found = [];
      /** @type {string | null} */
      let cursor = null;
      do {
        const place = cursor ? { cursor } : { after: start };
        const page = await api('GET', withQuery('/v1/events', { ...place, type: kind, user_id: user, limit: 200 }));
        found.push(...page.items.filter((/** @type {LogEvent} */ { seq }) => seq <= until));
        cursor = page.items.at(-1)?.seq >= until ? null : page.next_cursor;
      } while (cursor && mine === asked);
      if (mine !== asked) return;
      from = start;
      const known = further ? shown : [];
      shown = [...known, ...found.reverse()].slice(0, SHOWN_MAX);
      problem.hidden = true;
      await draw();
    } catch (error) {
      problem.textContent = sentence(error);
      problem.hidden = false;
    }
  };

  const who = picker(api, { kind: 'users', label: 'Person', testid: 'event-person', required: false, onpick: () => void filter() });
  const type = h(
    'select.input',
    { 'data-testid': 'event-type', onchange: () => void filter() },
    h('option', { value: '' }, 'All'),
    EVENT_TYPES.map((name) => h('option', { value: name }, name)),
  );
  const filter = async () => {
    kind = type.value;
    try {
      user = (await who.chosen())?.id ?? '';
      await load(false);
    } catch (error) {
      problem.textContent = sentence(error);
      problem.hidden = false;
    }
  };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;
  void load(false);
  return {
    element: h(
      'div.stack',
      { 'data-testid': 'section-events' },
      h('h1', { tabindex: -1 }, 'Events'),
      h('form.form-row', { 'aria-label': 'Filters', onsubmit: (/** @type {Event} */ event) => event.preventDefault() }, h('label.field', {}, h('span', {}, 'Kind'), type), who.element),
      problem,
      h('div.panel.stack', {}, log, nothing, h('div.actions', {}, earlier)),
    ),
    event: (event) => {
      if (!fits(event) || shown.some(({ seq }) => seq === event.seq)) return;
      shown = [event, ...shown].slice(0, SHOWN_MAX);
      clearTimeout(soon);
      soon = setTimeout(() => void draw(), TOGETHER_MS);
    },
  };
}
