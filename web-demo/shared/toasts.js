// Short news at the edge of the page: what happened, and notices pushed by an administrator. The region is
// there from the start, since screen readers announce only what arrives in a region they know.

import { h } from './h.js';
import { icon } from './icons.js';

/** @typedef {'info' | 'warning' | 'critical'} Level */

const SHOWN_MS = 8000;
const SHOWN_MAX = 4;

/**
 * @returns {{ element: HTMLElement, say(title: string, body?: string, level?: Level, testid?: string): void, clear(): void }}
 */
export function makeToasts() {
  const polite = h('div.stack', { role: 'status', 'aria-live': 'polite', 'data-testid': 'toasts' });
  const urgent = h('div.stack', { role: 'alert', 'aria-live': 'assertive', 'data-testid': 'toasts-critical' });
  const element = h('section.toasts', { 'aria-label': 'News' }, urgent, polite);

  /**
   * @param {string} title
   * @param {string} body
   * @param {Level} level
   * @param {string} testid
   */
  const say = (title, body = '', level = 'info', testid = 'toast') => {
    const region = level === 'critical' ? urgent : polite;
    const toast = h(
      `div.toast.${level}`,
      { 'data-testid': testid, 'data-level': level },
      h('div', {}, h('strong', {}, title), body && h('p', {}, body)),
      h('button.icon-button', { type: 'button', 'aria-label': 'Dismiss', onclick: () => toast.remove() }, icon('close')),
    );
    region.append(toast);
    while (region.childElementCount > SHOWN_MAX) region.firstElementChild?.remove();
    if (level !== 'critical') leaveLater(toast);
  };
  return { element, say, clear: () => [polite, urgent].forEach((region) => region.replaceChildren()) };
}

/**
 * A toast goes by itself, but not while somebody points at it or is in it.
 *
 * @param {HTMLElement} toast
 */
function leaveLater(toast) {
  const leave = () => {
    if (toast.matches(':hover, :focus-within')) setTimeout(leave, SHOWN_MS / 2);
    else toast.remove();
  };
  setTimeout(leave, SHOWN_MS);
}
