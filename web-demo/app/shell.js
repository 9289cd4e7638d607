// The application's frame: who is there, the navigation, the quiet word when the connection is lost, and the
// notice that rights were updated.

import { h } from '../shared/h.js';
import { icon, mark } from '../shared/icons.js';
import { themeToggle } from '../shared/theme.js';
import { ROUTES, allowed } from './routes.js';

/** @typedef {import('../shared/types.js').Session} Session */
/** @typedef {import('./routes.js').Rights} Rights */
/** @typedef {import('./routes.js').Route} Route */

/**
 * @param {{ onSignOut(): void, onRefresh(): Promise<void> }} on
 */
export function makeShell({ onSignOut, onRefresh }) {
  const status = h('span.status', { role: 'status', 'data-testid': 'connection' });
  const who = h('span.who', { 'data-testid': 'who' });
  const links = h('ul.wire');
  const place = h('div');
  const refresh = h(
    'button.button.small',
    {
      type: 'button',
      'data-testid': 'rights-refresh',
      onclick: async () => {
        refresh.disabled = true;
        try {
          await onRefresh();
        } finally {
          refresh.disabled = false;
        }
      },
    },
    'Refresh',
  );
  // The live region stays and only its content comes and goes: that is what screen readers announce.
  const news = h('div', { role: 'status', 'aria-live': 'polite' });
  const notice = h(
    'div.message.warning.rights',
    { 'data-testid': 'rights-updated' },
    h('p', {}, 'Your rights were updated, please refresh.'),
    refresh,
  );
  const landed = h('div.message.rights', { 'data-testid': 'landed' });
  const element = h(
    'div.shell',
    { 'data-testid': 'app' },
    h(
      'header.top',
      {},
      h('a.brand', { href: '#/' }, mark(), 'Sessionwire demo'),
      h('span.push', {}, status),
      who,
      themeToggle(),
      h('button.button.small', { type: 'button', 'data-testid': 'sign-out', onclick: onSignOut }, 'Sign out'),
    ),
    h('nav.nav', { 'aria-label': 'Pages' }, links),
    h('main.page', { id: 'main', tabindex: -1 }, news, place),
  );

  return {
    element,
    /**
     * @param {Session} session
     * @param {Rights} rights
     * @param {Route} route
     */
    frame(session, rights, route) {
      const { user, device } = session;
      who.replaceChildren(h('span', {}, user?.displayName ?? user?.username ?? ''), h('span.quiet.small', { 'data-testid': 'device-name' }, device?.name ?? ''));
      links.replaceChildren(
        ...ROUTES.filter((entry) => allowed(entry, rights)).map((entry) =>
          h(
            'li',
            { class: entry === route ? 'at' : null },
            h(
              'a',
              { href: entry.path, 'aria-current': entry === route ? 'page' : null, 'data-testid': `nav-${entry.path.slice(2) || 'home'}` },
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
      const heading = place.querySelector('h1');
      if (heading) heading.focus({ preventScroll: true });
      scrollTo(0, 0);
    },
    /** @param {boolean} shown */
    rightsUpdated(shown) {
      if (!shown) notice.remove();
      else if (!notice.isConnected) news.prepend(notice);
    },
    /** @param {string} text '' takes it away */
    landed(text) {
      landed.textContent = text;
      if (!text) landed.remove();
      else news.append(landed);
    },
    /** @param {string} state */
    connection(state) {
      const offline = state === 'offline';
      status.classList.toggle('offline', offline);
      status.textContent = offline ? 'Offline, trying again' : state === 'live' ? 'Live' : 'Connecting';
      status.dataset.state = state;
    },
  };
}
