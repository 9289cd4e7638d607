// A live session as a table's row: who, on what, since when, from where, how many connections.

import { h } from '../shared/h.js';
import { platformIcon } from '../shared/icons.js';
import { ago, count, moment, platformName } from '../shared/words.js';
import { endSessionDeed } from './deeds.js';

/** @typedef {import('./sections.js').Context} Context */
/** @typedef {import('../shared/types.js').SessionItem} SessionItem */

export const SESSION_COLUMNS = ['Person', 'Device', 'Connections', 'Since', 'From', 'Last active', ''];

/** @type {[RegExp, string][]} the first that fits; most name several browsers */
const BROWSERS = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'], [/Safari\//, 'Safari']];
/** @type {[RegExp, string][]} */
const SYSTEMS = [[/iPhone|iPad/, 'iOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux']];

/** @param {string | undefined | null} agent */
export function agentName(agent) {
  if (!agent) return '';
  const browser = BROWSERS.find(([pattern]) => pattern.test(agent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  return [browser ?? agent.split(/[ /]/)[0], system].filter(Boolean).join(' on ');
}

/**
 * @param {Context} context
 * @param {SessionItem} item
 * @param {{ person: boolean, done: () => unknown }} options
 */
export function sessionRow({ act, names, session }, item, { person, done }) {
  const name = names.of(item.user_id);
  const mine = item.id === session.id;
  return h(
    'tr',
    { 'data-testid': 'session-row', 'data-session': item.id, 'data-username': name },
    person && h('td', {}, h('a', { href: `#/people/${item.user_id}`, 'data-focus': `who-${item.id}` }, h('strong', {}, name))),
    h('td', {}, h('span.row', {}, platformIcon(item.device.platform), h('span', {}, item.device.name, h('span.quiet.small', {}, ` ${platformName(item.device.platform)}`)), mine && h('span.chip', { class: 'chip on' }, 'This console'))),
    h('td.number', { 'data-label': 'Connections' }, item.connections > 0 ? h('span.chip', { class: 'chip on', title: count(item.connections, 'open connection') }, item.connections) : h('span.quiet', {}, 'none')),
    h('td.tight', { 'data-label': 'Since', title: moment(item.created_at) }, ago(item.created_at)),
    h('td', { 'data-label': 'From', title: item.user_agent ?? '' }, h('span.mono', {}, item.ip ?? 'unknown'), h('span.quiet.small', {}, ` ${agentName(item.user_agent)}`)),
    h('td.tight', { 'data-label': 'Last active' }, ago(item.last_active_at)),
    h(
      'td.end',
      {},
      h(
        'button.button.small',
        {
          type: 'button',
          'data-testid': 'session-sign-out',
          'data-focus': `out-${item.id}`,
          'aria-label': `Sign out ${name} on ${item.device.name}`,
          onclick: async () => (await act(endSessionDeed(name, item.device.name, item.id))) && done(),
        },
        'Sign out',
      ),
    ),
  );
}
