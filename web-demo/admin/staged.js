// The deeds that the stage's guide offers. Each goes the way a click would go: to the section, with the
// question first.

import { memberDeed, removeDeed, signOutDeed } from './deeds.js';

/** @typedef {import('./sections.js').Context} Context */

/**
 * @param {Context} context
 * @param {{ ask: string, [member: string]: unknown }} asked
 */
export async function runAsked({ api, act, go, show }, asked) {
  const user = await byName(api, 'users', asked.username);
  if (!user) {
    show('Not possible any more', `${String(asked.username)} isn’t there. Start the demo again to begin anew.`);
    return;
  }
  go(`#/people/${user.id}`);
  if (asked.ask === 'member') {
    const group = await byName(api, 'groups', asked.group);
    if (group) await act(memberDeed(user, group, asked.member === true));
  } else if (asked.ask === 'sign-out') {
    await act(signOutDeed(user));
  } else if (asked.ask === 'remove') {
    if (await act(removeDeed(user))) go('#/people');
  }
}

/**
 * @param {import('./api.js').Api} api
 * @param {'users' | 'groups'} kind
 * @param {unknown} name
 */
async function byName(api, kind, name) {
  const { items } = await api('GET', `/v1/${kind}?search=${encodeURIComponent(String(name))}`);
  return items.find((/** @type {any} */ item) => (item.username ?? item.name) === name);
}
