// My devices: where one is signed in, and signing out there.

import { attended } from '../../shared/attention.js';
import { ask } from '../../shared/dialog.js';
import { h } from '../../shared/h.js';
import { icon, platformIcon } from '../../shared/icons.js';
import { redraw, thisMinute } from '../../shared/redraw.js';
import { tell } from '../../shared/relay.js';
import { ago, count, platformName, sentence } from '../../shared/words.js';

/** @typedef {import('../routes.js').Context} Context */
/** @typedef {import('../../shared/types.js').SessionItem} SessionItem */

const EVERY_MS = 5000;

/**
 * @param {Context} context
 * @returns {Node}
 */
export function devices({ session, say }) {
  const place = h('div.stack', { 'data-testid': 'devices', 'aria-busy': 'true' }, h('p.quiet', {}, 'Looking …'));
  const problem = h('p.message.critical', { role: 'alert', hidden: true });

  /** @param {unknown} error */
  const fail = (error) => {
    problem.textContent = sentence(error);
    problem.hidden = false;
  };

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   */
  const call = async (path, init) => {
    const answer = await session.fetch(path, init);
    const body = await answer.json();
    if (!answer.ok) throw body;
    return body;
  };

  const over = () => session.state === 'ended';
  let asked = 0;
  const load = async () => {
    if (over()) return;
    const mine = ++asked;
    try {
      const { items } = await call('/v1/me/sessions?limit=200');
      if (mine !== asked) return;
      problem.hidden = true;
      place.setAttribute('aria-busy', 'false');
      redraw(place, [items, thisMinute()], () => list(items, signOutThere, signOutOthers));
    } catch (error) {
      if (!over()) fail(error);
    }
  };

  /** @param {SessionItem} item */
  const signOutThere = async (item) => {
    if (item.current) {
      await session.signOut();
      return;
    }
    tell('cause', `signs ${item.device.name} out`);
    try {
      await call(`/v1/me/sessions/${item.id}`, { method: 'DELETE' });
      say('Signed out there', `${item.device.name} is signed out.`);
    } catch (error) {
      fail(error);
    }
    await load();
  };

  /** @param {SessionItem[]} others */
  const signOutOthers = async (others) => {
    const answer = await ask({
      title: 'Sign out all other devices?',
      body: h('p', {}, `This signs out ${count(others.length, 'device')}. You stay signed in here.`),
      answers: [
        { value: 'no', label: 'Cancel', testid: 'others-no' },
        { value: 'yes', label: 'Sign them out', kind: 'primary', testid: 'others-yes' },
      ],
      testid: 'others-dialog',
    });
    if (answer !== 'yes') return;
    tell('cause', 'signs all other devices out');
    try {
      await session.signOutEverywhere({ exceptCurrent: true });
      say('Done', `${count(others.length, 'other device')} signed out.`);
    } catch (error) {
      fail(error);
    }
    await load();
  };

  void load();
  const timer = setInterval(() => {
    if (!place.isConnected) clearInterval(timer);
    else if (attended()) void load();
  }, EVERY_MS);
  return h(
    'div.stack.loose',
    { 'data-testid': 'page-devices' },
    h('h1', { tabindex: -1 }, 'My devices'),
    h('p.quiet', {}, 'Everywhere you are signed in. If you don’t know one of them, sign it out and change your password.'),
    problem,
    place,
  );
}

/**
 * @param {SessionItem[]} items
 * @param {(item: SessionItem) => void} signOutThere
 * @param {(others: SessionItem[]) => void} signOutOthers
 */
function list(items, signOutThere, signOutOthers) {
  const others = items.filter(({ current }) => !current);
  const mine = items.filter(({ current }) => current);
  return [
    h('ul.panel.list', { 'aria-label': 'Devices' }, [...mine, ...others].map((item) => row(item, signOutThere))),
    others.length
      ? h(
          'button.button.fit',
          { type: 'button', 'data-testid': 'sign-out-others', 'data-focus': 'others', onclick: () => signOutOthers(others) },
          icon('out'),
          'Sign out all others',
        )
      : h('p.quiet', {}, 'You are signed in nowhere else.'),
  ];
}

/**
 * @param {SessionItem} item
 * @param {(item: SessionItem) => void} signOutThere
 */
function row(item, signOutThere) {
  const { name, platform } = item.device;
  const active = item.connections > 0 ? 'connected now' : `last active ${ago(item.last_active_at)}`;
  return h(
    'li.device',
    { 'data-testid': 'device', 'data-session': item.id, 'data-current': String(Boolean(item.current)) },
    platformIcon(platform),
    h(
      'div',
      {},
      h('p', {}, h('strong', {}, name), item.current && [' ', h('span.chip', { class: 'chip on', 'data-testid': 'this-device' }, 'This device')]),
      h('p.quiet.small', {}, `${platformName(platform)} · ${active}`),
    ),
    h(
      'button.button.small',
      {
        type: 'button',
        'data-testid': 'device-sign-out',
        'data-focus': item.id,
        'aria-label': item.current ? `Sign out here, ${name}` : `Sign out ${name}`,
        onclick: () => signOutThere(item),
      },
      'Sign out',
    ),
  );
}
