// A policy as a form, and in words. Times are asked for in hours, since nobody thinks in seconds.

import { askForm } from '../shared/dialog.js';
import { h } from '../shared/h.js';
import { count, sentence } from '../shared/words.js';
import { picker } from './picker.js';

/** @typedef {import('./api.js').Api} Api */
/** @typedef {import('../shared/types.js').Policy} Policy */
/** @typedef {{ kind: 'users' | 'groups', id: string, name: string }} Target */

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

/** @type {{ value: Policy['at_limit'], name: string, text: string }[]} */
export const AT_LIMIT = [
  { value: 'evict_oldest', name: 'The oldest device gives way', text: 'Whoever signs in gets in. The device signed in longest is signed out and told by which device.' },
  { value: 'reject', name: 'The newcomer is refused', text: 'Whoever signs in is told where the seat is taken, and has to sign out there first.' },
  { value: 'ask', name: 'The newcomer is asked', text: '“You are signed in on your tablet. Sign out there?” The newcomer decides.' },
  { value: 'approve', name: 'The other device is asked', text: 'The device that holds the seat allows or denies. After half a minute of silence the newcomer is asked.' },
];

/** @type {Policy} the server's own where nothing is set */
const FRESH = { max_sessions: 1, count_by: 'user', at_limit: 'evict_oldest', idle_timeout_s: DAY_S, max_age_s: 30 * DAY_S, remembered_idle_timeout_s: 30 * DAY_S, remembered_max_age_s: 365 * DAY_S, sign_in_max_age_s: null };

/** @param {Policy} policy */
export function seatsText({ max_sessions, count_by, at_limit }) {
  if (max_sessions === null) return 'Any number of devices at once.';
  const each = count_by === 'platform' ? ' on each platform' : '';
  const then = AT_LIMIT.find(({ value }) => value === at_limit)?.name.toLowerCase() ?? at_limit;
  return `At most ${count(max_sessions, 'device')} at once${each}; beyond that, ${then}.`;
}

/** @param {number | null} seconds */
function span(seconds) {
  if (seconds === null) return 'without limit';
  if (seconds % DAY_S === 0) return count(seconds / DAY_S, 'day');
  if (seconds % HOUR_S === 0) return count(seconds / HOUR_S, 'hour');
  return seconds >= 60 ? count(Math.round(seconds / 60), 'minute') : count(seconds, 'second');
}

/** @param {Policy} policy */
export const lasting = (policy) =>
  `Unused ${span(policy.idle_timeout_s)}, in all ${span(policy.max_age_s)}; remembered: unused ${span(policy.remembered_idle_timeout_s)}, in all ${span(policy.remembered_max_age_s)}.${policy.sign_in_max_age_s === null ? '' : ` Signs in anew after ${span(policy.sign_in_max_age_s)}.`}`;

/** @type {['idle_timeout_s' | 'max_age_s' | 'remembered_idle_timeout_s' | 'remembered_max_age_s' | 'sign_in_max_age_s', string][]} */
const TIMES = [
  ['idle_timeout_s', 'Ends after unused hours'],
  ['max_age_s', 'Ends after hours in all'],
  ['remembered_idle_timeout_s', 'Remembered: unused hours'],
  ['remembered_max_age_s', 'Remembered: hours in all'],
  ['sign_in_max_age_s', 'Signs in anew after hours'],
];

/**
 * @param {FormData} data
 * @param {Policy} before
 * @returns {Policy}
 */
function read(data, before) {
  /** @param {string} name */
  const number = (name) => {
    const text = String(data.get(name) ?? '').trim();
    return text === '' ? null : Number(text);
  };
  /** @type {Policy} */
  const policy = {
    ...before,
    max_sessions: number('max_sessions'),
    count_by: data.get('count_by') === 'platform' ? 'platform' : 'user',
    at_limit: /** @type {Policy['at_limit']} */ (String(data.get('at_limit'))),
  };
  for (const [name] of TIMES) {
    const hours = number(name);
    policy[name] = hours === null ? null : Math.max(1, Math.round(hours * HOUR_S));
  }
  return policy;
}

/**
 * @param {Api} api
 * @param {{ title: string, policy?: Policy, choose?: boolean }} options
 * @returns {Promise<{ policy: Policy, target: Target | null } | null>}
 */
export async function policyForm(api, { title, policy = FRESH, choose = false }) {
  /** @type {{ policy: Policy, target: Target | null } | null} */
  let made = null;
  const person = picker(api, { kind: 'users', label: 'Person', testid: 'policy-person', required: false });
  const group = picker(api, { kind: 'groups', label: 'Group', testid: 'policy-group', required: false });
  const sent = await askForm({
    title,
    submit: 'See whom it reaches',
    testid: 'policy-dialog',
    say: sentence,
    fields: [
      choose && h('fieldset.stack', {}, h('legend.label', {}, 'For one of these'), h('div.form-row', {}, group.element, person.element)),
      h(
        'div.form-row',
        {},
        h('label.field', {}, h('span', {}, 'Devices at once'), h('input.input', { name: 'max_sessions', type: 'number', min: 1, value: policy.max_sessions?.toString() ?? '', placeholder: 'any number' })),
        h('label.field', {}, h('span', {}, 'Counted'), h('select.input', { name: 'count_by' }, option('user', 'all together', policy.count_by), option('platform', 'for each platform', policy.count_by))),
      ),
      h(
        'fieldset.stack',
        {},
        h('legend.label', {}, 'When no seat is free'),
        AT_LIMIT.map(({ value, name }) =>
          h('label.check', {}, h('input', { type: 'radio', name: 'at_limit', value, checked: value === policy.at_limit, 'data-testid': `at-limit-${value}` }), h('span', {}, name)),
        ),
      ),
      h(
        'div.form-row',
        {},
        TIMES.map(([name, label]) => {
          const seconds = policy[name];
          return h('label.field', {}, h('span', {}, label), h('input.input', { name, type: 'number', min: 0, step: 'any', value: seconds === null ? '' : String(Number((seconds / HOUR_S).toFixed(4))), placeholder: 'no limit' }));
        }),
      ),
    ],
    send: async (data) => {
      made = { policy: read(data, policy), target: choose ? await target() : null };
    },
  });
  return sent ? made : null;

  /** @returns {Promise<Target>} */
  async function target() {
    const [one, many] = await Promise.all([person.chosen(), group.chosen()]);
    if (one && many) throw { detail: 'Choose a group or a person, not both.' };
    if (one) return { kind: 'users', ...one };
    if (many) return { kind: 'groups', ...many };
    throw { detail: 'Choose a group or a person.' };
  }
}

/**
 * @param {string} value
 * @param {string} name
 * @param {string} chosen
 */
const option = (value, name, chosen) => h('option', { value, selected: value === chosen }, name);
