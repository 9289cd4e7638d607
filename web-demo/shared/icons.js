// The mark and the few icons, drawn with the text's colour. All are decoration: the words beside them say it.

import { s } from './h.js';

/** @type {Record<string, string>} paths on a 20 by 20 grid, drawn as lines */
const PATHS = {
  home: 'M3.5 9.2 10 3.8l6.5 5.4v7.3h-4.3v-4.3H7.8v4.3H3.5z',
  reports: 'M4 16.5V11M8 16.5v-9M12 16.5v-6M16 16.5V4M2.5 16.5h15',
  billing: 'M3 5h14v10H3zM3 8.5h14M6 12h3',
  team: 'M7.5 9.5a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM2.5 16.5c0-2.8 2.2-4.4 5-4.4s5 1.6 5 4.4M13 9.2a2.4 2.4 0 0 0 0-4.7M14.5 12.4c1.8.5 3 1.9 3 4.1',
  devices: 'M3 4.5h9.5v7.5H3zM1.5 15h8M12.5 8.5h5v8h-5zM14.5 14.5h1',
  laptop: 'M4 4.5h12v8H4zM1.8 15.5h16.4',
  phone: 'M6 2.8h8v14.4H6zM9 14.7h2',
  game: 'M5.5 6h9a4 4 0 0 1 3.4 6.1c-.8 2.3-2.7 2.3-3.9.6l-.6-.8H6.6l-.6.8c-1.2 1.7-3.1 1.7-3.9-.6A4 4 0 0 1 5.5 6zM6.5 8v3M5 9.5h3',
  globe: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM3 10h14M10 3c2.4 2 2.8 4.5 2.8 7S12.4 15 10 17c-2.4-2-2.8-4.5-2.8-7S7.6 5 10 3z',
  sun: 'M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10 1.8v1.7M10 16.5v1.7M1.8 10h1.7M16.5 10h1.7M4.2 4.2l1.2 1.2M14.6 14.6l1.2 1.2M4.2 15.8l1.2-1.2M14.6 5.4l1.2-1.2',
  moon: 'M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z',
  close: 'M5 5l10 10M15 5 5 15',
  out: 'M8 3.5H3.5v13H8M12.5 6.5 16 10l-3.5 3.5M16 10H7.5',
  overview: 'M2.5 12h3l2.5-6 4 9 2.5-5h3',
  groups: 'M3 4h5.5v5.5H3zM11.5 4H17v5.5h-5.5zM3 12h5.5v4.5H3zM11.5 12H17v4.5h-5.5z',
  policies: 'M10 2.8 16 5v4.8c0 3.6-2.5 6.1-6 7.4-3.5-1.3-6-3.8-6-7.4V5zM7.3 9.9l1.9 1.9 3.6-3.7',
  notices: 'M10 3a4.6 4.6 0 0 1 4.6 4.6v3.2l1.6 2.7H3.8l1.6-2.7V7.6A4.6 4.6 0 0 1 10 3zM8.3 16.3h3.4',
  events: 'M6 3v14M6 6h.01M6 14h.01M9.5 6H17M9.5 10H17M9.5 14H17',
};

/**
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  return s(
    'svg',
    { class: 'icon', viewBox: '0 0 20 20', width: 20, height: 20, 'aria-hidden': 'true', focusable: 'false' },
    s('path', { d: PATHS[name] ?? PATHS.globe }),
  );
}

/**
 * @param {string} platform
 * @returns {SVGElement}
 */
export function platformIcon(platform) {
  /** @type {Record<string, string>} */
  const names = { ios: 'phone', android: 'phone', desktop: 'laptop', game: 'game', web: 'globe' };
  return icon(names[platform] ?? 'devices');
}

/** @returns {SVGElement} the mark: a station on a wire that changes level */
export function mark() {
  return s(
    'svg',
    { class: 'mark', viewBox: '0 0 32 32', width: 28, height: 28, 'aria-hidden': 'true', focusable: 'false' },
    s('path', { class: 'mark-wire', d: 'M3 22h6.8c3.6 0 3.8-12 7.4-12H29' }),
    s('circle', { class: 'mark-station', cx: 13.5, cy: 16, r: 4.6 }),
  );
}
