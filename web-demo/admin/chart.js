// A line chart over the last minutes, drawn by hand: two dozen lines do what is needed here. The words beside
// it say the same, for those who don't see it.

import { h, s } from '../shared/h.js';

const WIDTH = 460;
const HEIGHT = 150;
const FOOT = 22;
const SIDE = 40;

/** @typedef {{ name: string, values: (number | null)[], style: string }} Line */

/** @param {number} most */
function roundUp(most) {
  const size = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 5, 10].map((step) => step * size).find((top) => top >= most) ?? most;
}

/**
 * A line's path, broken where nothing was measured.
 *
 * @param {(number | null)[]} values
 * @param {number} room how many fit
 * @param {number} top
 */
export function path(values, room, top) {
  const step = (WIDTH - SIDE) / (room - 1);
  const start = WIDTH - (values.length - 1) * step;
  let broken = true;
  return values
    .map((value, index) => {
      if (value === null) {
        broken = true;
        return '';
      }
      const x = (start + index * step).toFixed(1);
      const y = (HEIGHT - FOOT - (value / top) * (HEIGHT - FOOT - 8)).toFixed(1);
      const point = `${broken ? 'M' : 'L'}${x} ${y}`;
      broken = false;
      return point;
    })
    .join('');
}

/**
 * @param {{ title: string, unit: string, room: number, testid: string }} options
 */
export function makeChart({ title, unit, room, testid }) {
  const drawing = s('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'data-testid': testid });
  const words = h('p.quiet.small.number', { 'data-testid': `${testid}-words` });
  const key = h('ul.row.small.quiet.key');
  const element = h('figure.panel.stack', {}, h('figcaption.row.between', {}, h('h2', {}, title), key), drawing, words);

  /** @param {Line[]} lines */
  const draw = (lines) => {
    const all = lines.flatMap(({ values }) => values.filter((value) => value !== null));
    const top = roundUp(Math.max(1, ...all));
    drawing.replaceChildren(
      ...[0, 0.5, 1].flatMap((part) => {
        const y = HEIGHT - FOOT - part * (HEIGHT - FOOT - 8);
        return [
          s('line', { class: 'chart-grid', x1: SIDE, x2: WIDTH, y1: y, y2: y }),
          s('text', { class: 'chart-label', x: SIDE - 6, y: y + 4, 'text-anchor': 'end' }, Number((top * part).toFixed(1)).toString()),
        ];
      }),
      s('text', { class: 'chart-label', x: SIDE, y: HEIGHT - 2 }, `${Math.round(room / 60)} min ago`),
      s('text', { class: 'chart-label', x: WIDTH, y: HEIGHT - 2, 'text-anchor': 'end' }, 'now'),
      ...lines.map(({ values, style }) => s('path', { class: `chart-line ${style}`, d: path(values, room, top) })),
    );
    key.replaceChildren(...(lines.length > 1 ? lines.map(({ name, style }) => h('li', { class: `chart-key ${style}` }, name)) : []));
    const said = lines.map((line) => summary(line, unit)).join(' ');
    words.textContent = said;
    drawing.setAttribute('aria-label', `${title}. ${said}`);
  };
  return { element, draw };
}

/**
 * @param {Line} line
 * @param {string} unit
 */
function summary({ name, values }, unit) {
  const known = values.filter((value) => value !== null);
  const last = values.at(-1);
  if (!known.length) return `${name}: nothing measured yet.`;
  const now = last === null || last === undefined ? 'nothing in the last minute' : `${last}${unit} now`;
  return `${name}: ${now}, between ${Math.min(...known)}${unit} and ${Math.max(...known)}${unit}.`;
}
