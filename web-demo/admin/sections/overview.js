// Overview: how many are connected, how fast they are told, and what happened last.

import { h } from '../../shared/h.js';
import { clock } from '../../shared/words.js';
import { makeChart } from '../chart.js';
import { describe } from '../describe.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */

const ROOM = 300;
const SHOWN = 8;
/** Events of one change come together; the one with the name may be the last. */
const TOGETHER_MS = 80;

/** @type {MakeSection} */
export function overview({ api, pulses, recent, names }) {
  const connections = makeChart({ title: 'Connections', unit: '', room: ROOM, testid: 'chart-connections' });
  const tell = makeChart({ title: 'Time to tell', unit: ' ms', room: ROOM, testid: 'chart-tell' });
  const figures = h('dl.figures', { 'data-testid': 'figures' });
  const log = h('ol.wire.log', { 'data-testid': 'recent-events' });
  const quiet = h('p.quiet', {}, 'Nothing yet. What happens appears here.');

  const drawFigures = () => {
    const last = pulses.at(-1);
    figures.replaceChildren(
      figure('Connections', last?.connections, 'open now'),
      figure('People', last?.users, 'connected now'),
      figure('Told within', ms(last?.tell.p50_ms), 'half of them, last minute'),
      figure('Told within', ms(last?.tell.p99_ms), '99 of 100, last minute'),
    );
  };
  const drawCharts = () => {
    connections.draw([{ name: 'Open connections', values: pulses.map((pulse) => pulse.connections), style: 'first' }]);
    tell.draw([
      { name: 'p50', values: pulses.map((pulse) => pulse.tell.p50_ms), style: 'first' },
      { name: 'p99', values: pulses.map((pulse) => pulse.tell.p99_ms), style: 'second' },
    ]);
  };
  const drawLog = async () => {
    const shown = recent.slice(-SHOWN).reverse();
    shown.forEach(names.hear);
    await names.look(shown.flatMap(({ data, subject }) => [data.user_id, subject.type === 'user' ? subject.id : null]));
    quiet.hidden = shown.length > 0;
    log.replaceChildren(
      ...shown.map((event) => {
        const { text, tone } = describe(event, names.of);
        return h('li', { class: tone || null }, h('p.row', {}, h('time', { datetime: event.at }, clock(event.at)), h('span', {}, text)));
      }),
    );
  };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;
  /** @param {number} head the log's end: what happened before the page was opened is read once */
  const readBack = async (head) => {
    if (recent.length >= SHOWN) return;
    const { items } = await api('GET', `/v1/events?after=${Math.max(0, head - SHOWN)}&limit=${SHOWN}`).catch(() => ({ items: [] }));
    const first = recent[0]?.seq ?? Infinity;
    recent.unshift(...items.filter((/** @type {{ seq: number }} */ { seq }) => seq < first));
    await drawLog();
  };
  let read = false;
  drawFigures();
  drawCharts();
  void drawLog();
  return {
    element: h(
      'div.stack',
      { 'data-testid': 'section-overview' },
      h('h1', { tabindex: -1 }, 'Overview'),
      figures,
      h('div.halves', {}, connections.element, tell.element),
      h('section.panel.stack', { 'aria-labelledby': 'latest' }, h('div.row.between', {}, h('h2', { id: 'latest' }, 'Just now'), h('a', { href: '#/events' }, 'All events')), quiet, log),
    ),
    pulse: ({ head }) => {
      if (!read) void readBack(head);
      read = true;
      drawFigures();
      drawCharts();
    },
    event: () => {
      clearTimeout(soon);
      soon = setTimeout(() => void drawLog(), TOGETHER_MS);
    },
  };
}

/** @param {number | null | undefined} value */
const ms = (value) => (value === null || value === undefined ? value : `${value} ms`);

/**
 * @param {string} label
 * @param {string | number | null | undefined} value
 * @param {string} note
 */
const figure = (label, value, note) =>
  h('div.panel', {}, h('dt.quiet.small', {}, label), h('dd', {}, h('span.figure-big', {}, value ?? '–'), h('span.quiet.small', {}, note)));
