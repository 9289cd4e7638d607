// Sessions: who is signed in, on what, since when and from where, and how many connections are open.

import { h } from '../../shared/h.js';
import { pagedList } from '../paged.js';
import { SESSION_COLUMNS, sessionRow } from '../session-row.js';

/** @typedef {import('../sections.js').MakeSection} MakeSection */
/** @typedef {import('../../shared/types.js').SessionItem} SessionItem */

/** @type {MakeSection} */
export function sessions(context) {
  let connections = -1;
  const list = pagedList({
    api: context.api,
    path: '/v1/sessions',
    query: { state: 'live' },
    columns: SESSION_COLUMNS,
    caption: 'Live sessions',
    empty: { icon: 'devices', text: 'Nobody is signed in.' },
    testid: 'sessions',
    prepare: (/** @type {SessionItem[]} */ items) => context.names.look(items.map((item) => item.user_id)),
    row: (/** @type {SessionItem} */ item) => sessionRow(context, item, { person: true, done: () => refresh() }),
  });
  /** @type {() => void} */
  const refresh = list.refresh;
  return {
    element: h('div.stack', { 'data-testid': 'section-sessions' }, h('h1', { tabindex: -1 }, 'Sessions'), h('p.quiet', {}, 'One row for each sign-in that holds. Open tabs are its connections.'), list.element),
    refresh: list.refresh,
    concerns: ({ type }) => /^(session|sessions|user|device)\./.test(type),
    // Connections open and close without an event: the pulse tells.
    pulse: (pulse) => {
      if (connections !== -1 && connections !== pulse.connections) list.refresh();
      connections = pulse.connections;
    },
  };
}
