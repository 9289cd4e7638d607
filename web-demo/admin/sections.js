// The console's sections and what each gets to work with. A section builds itself once; the log then tells it
// when to look again, so its forms live in dialogs, where a redraw can't reach them.

import { events } from './sections/events.js';
import { group } from './sections/group.js';
import { groups } from './sections/groups.js';
import { notices } from './sections/notices.js';
import { overview } from './sections/overview.js';
import { people } from './sections/people.js';
import { person } from './sections/person.js';
import { policies } from './sections/policies.js';
import { sessions } from './sections/sessions.js';

/** @typedef {import('../shared/types.js').Session} Session */
/** @typedef {import('../shared/types.js').LogEvent} LogEvent */
/** @typedef {import('../shared/types.js').Pulse} Pulse */
/**
 * @typedef {object} Context
 * @property {Session} session
 * @property {import('./api.js').Api} api
 * @property {import('./act.js').Act} act
 * @property {import('./names.js').Names} names
 * @property {(did: string, text: string) => void} show a receipt, or anything that was done
 * @property {Pulse[]} pulses of the last minutes, the newest last
 * @property {LogEvent[]} recent events, the newest last
 * @property {(hash: string) => void} go
 */
/**
 * @typedef {object} Section
 * @property {Node} element begins with its h1
 * @property {() => void} [refresh]
 * @property {(event: LogEvent) => boolean} [concerns] whether an event makes it look again
 * @property {(event: LogEvent) => void} [event]
 * @property {(pulse: Pulse) => void} [pulse]
 */
/** @typedef {(context: Context, id: string) => Section} MakeSection */
/** @typedef {{ path: string, name: string, icon: string, make: MakeSection, detail?: MakeSection }} Entry */

/** @type {[Entry, ...Entry[]]} */
export const SECTIONS = [
  { path: '#/', name: 'Overview', icon: 'overview', make: overview },
  { path: '#/people', name: 'People', icon: 'team', make: people, detail: person },
  { path: '#/groups', name: 'Groups', icon: 'groups', make: groups, detail: group },
  { path: '#/sessions', name: 'Sessions', icon: 'devices', make: sessions },
  { path: '#/policies', name: 'Policies', icon: 'policies', make: policies },
  { path: '#/notices', name: 'Notices', icon: 'notices', make: notices },
  { path: '#/events', name: 'Events', icon: 'events', make: events },
];

/**
 * @param {string} hash
 * @returns {{ entry: Entry, make: MakeSection, id: string }}
 */
export function find(hash) {
  const [, name = '', id = ''] = hash.split('/');
  const entry = SECTIONS.find(({ path }) => path === `#/${name}`) ?? SECTIONS[0];
  return id && entry.detail ? { entry, make: entry.detail, id } : { entry, make: entry.make, id: '' };
}
