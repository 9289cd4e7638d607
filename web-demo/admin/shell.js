// The console's frame: navigation, whether the log is followed, and the line where receipts are read.

import { h } from '../shared/h.js';
import { icon, mark } from '../shared/icons.js';
import { themeToggle } from '../shared/theme.js';
import { SECTIONS } from './sections.js';

/** @typedef {import('./sections.js').Entry} Entry */

const STREAM = { live: 'Live', offline: 'Reconnecting', paused: 'Paused while you are away' };

/** @param {{ onSignOut(): void }} on */
export function makeShell({ onSignOut }) {
  const status = h('span.status', { role: 'status', 'data-testid': 'stream' }, 'Connecting');
  const who = h('span.who.quiet.small');
  const links = h('ul.wire');
  const receipts = h('div', { role: 'status', 'aria-live': 'polite' });
  const place = h('div');
  const element = h(
    'div.console',
    { 'data-testid': 'console' },
    h(
      'header.top',
      {},
      h('a.brand', { href: '#/' }, mark(), h('span', {}, 'Sessionwire ', h('span.quiet', {}, 'console'))),
      h('span.push', {}, status),
      who,
      themeToggle(),
      h('button.button.small', { type: 'button', 'data-testid': 'sign-out', onclick: onSignOut }, 'Sign out'),
    ),
    h('nav.nav', { 'aria-label': 'Sections' }, links),
    h('main.page', { id: 'main', tabindex: -1 }, receipts, place),
  );
  return {
    element,
    /**
     * @param {Entry} at
     * @param {string} name
     */
    frame(at, name) {
      who.textContent = name;
      links.replaceChildren(
        ...SECTIONS.map((entry) =>
          h(
            'li',
            { class: entry === at ? 'at' : null },
            h(
              'a',
              { href: entry.path, 'aria-current': entry === at ? 'page' : null, 'data-testid': `nav-${entry.path.slice(2) || 'overview'}` },
              icon(entry.icon),
              entry.name,
            ),
          ),
        ),
      );
    },
    /** @param {Node} view */
    page(view) {
      place.replaceChildren(view);
      place.querySelector('h1')?.focus({ preventScroll: true });
      scrollTo(0, 0);
    },
    /**
     * @param {string} did
     * @param {string} text
     * @param {boolean} [bad]
     */
    receipt(did, text, bad = false) {
      receipts.replaceChildren(
        h('p.receipt', { class: bad ? 'receipt bad' : 'receipt', 'data-testid': 'receipt' }, h('strong', {}, did), h('span.number', {}, text)),
      );
    },
    noReceipt: () => receipts.replaceChildren(),
    /** @param {keyof typeof STREAM} state */
    stream(state) {
      status.classList.toggle('offline', state !== 'live');
      if (status.textContent !== STREAM[state]) status.textContent = STREAM[state];
      status.dataset.state = state;
    },
  };
}
