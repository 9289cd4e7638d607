// Reports: example figures, so that there is something worth losing the right to. Exporting needs a
// permission of its own.

import { h, s } from '../../shared/h.js';

/** @typedef {import('../routes.js').Context} Context */

const WEEKS = /** @type {[string, number][]} */ ([
  ['Mar 3', 42], ['10', 51], ['17', 47], ['24', 63], ['31', 58], ['Apr 7', 71], ['14', 69], ['21', 84],
]);
const HIGH = 90;

/**
 * @param {Context} context
 * @returns {Node}
 */
export function reports({ may, say }) {
  return h(
    'div.stack.loose',
    { 'data-testid': 'page-reports' },
    h(
      'div.row.between',
      {},
      h('h1', { tabindex: -1 }, 'Reports'),
      may('reports:export') && h('button.button', { type: 'button', 'data-testid': 'export', onclick: () => exportFigures(say) }, 'Export as CSV'),
    ),
    h(
      'div.cards',
      {},
      figure('Visits this week', '84,120', '22% more than last week'),
      figure('Sign-ups', '1,316', '4% more than last week'),
      figure('Answered within a day', '97%', 'as last week'),
    ),
    h(
      'section.panel.stack',
      { 'aria-labelledby': 'visits' },
      h('h2', { id: 'visits' }, 'Visits a week, in thousands'),
      chart(),
      h('p.quiet.small', {}, 'Example figures.'),
    ),
  );
}

/**
 * @param {string} label
 * @param {string} value
 * @param {string} note
 */
const figure = (label, value, note) =>
  h('div.panel', {}, h('p.quiet.small', {}, label), h('p.figure-big', {}, value), h('p.quiet.small', {}, note));

function chart() {
  const width = 640 / WEEKS.length;
  const words = WEEKS.map(([week, value]) => `${week}: ${value}`).join(', ');
  return s(
    'svg',
    { class: 'bars', viewBox: '0 0 640 210', role: 'img', 'aria-label': `Bar chart. ${words}.` },
    WEEKS.map(([week, value], index) => {
      const tall = (value / HIGH) * 170;
      const last = index === WEEKS.length - 1;
      return [
        s('rect', { class: last ? '' : 'soft', x: index * width + 10, y: 180 - tall, width: width - 20, height: tall, rx: 3 }),
        s('text', { x: (index + 0.5) * width, y: 200 }, week),
      ];
    }),
  );
}

/** @param {Context['say']} say */
function exportFigures(say) {
  const text = ['week,visits', ...WEEKS.map(([week, value]) => `${week},${value * 1000}`)].join('\n');
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  h('a', { href: address, download: 'visits.csv' }).click();
  URL.revokeObjectURL(address);
  say('Exported', 'The figures are in visits.csv.');
}
