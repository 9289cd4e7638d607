// The guide: four things to try. Each sets its scene and asks the console's question; the visitor answers it,
// so that the deed is theirs.

import { h } from '../shared/h.js';

/** @typedef {import('./frames.js').Frames} Frames */
/** @typedef {{ username: string, password: string }} Account */
/** @typedef {{ users: Account[], admin: Account }} Demo */
/** @typedef {{ title: string, text: string, go: string, run: (frames: Frames, person: (name: string) => Account, admin: Account) => Promise<void>, also?: { label: string, run: Step['run'] } }} Step */

/**
 * @param {Frames} frames
 * @param {Account} account
 * @param {Account} admin
 */
async function seat(frames, account, admin) {
  await frames.signIn('console', admin);
  await frames.signIn('laptop', account);
  await frames.signIn('phone', account);
}

/** @type {Step[]} */
export const STEPS = [
  {
    title: 'Take a right away',
    text: 'Anna reads Reports on both devices. Remove her from “analysts”: both are told, nothing vanishes. Press Refresh there, and she lands on Home.',
    go: 'Remove Anna from analysts',
    run: async (frames, person, admin) => {
      await seat(frames, person('anna'), admin);
      frames.ask('laptop', { ask: 'go', path: '#/reports' });
      frames.ask('phone', { ask: 'go', path: '#/reports' });
      frames.ask('console', { ask: 'member', username: 'anna', group: 'analysts', member: false });
    },
    also: {
      label: 'Give it back',
      run: async (frames, _person, admin) => {
        await frames.signIn('console', admin);
        frames.ask('console', { ask: 'member', username: 'anna', group: 'analysts', member: true });
      },
    },
  },
  {
    title: 'Sign somebody out',
    text: 'The console says first how many devices it reaches. Both are back at the sign-in page at once, and say why.',
    go: 'Sign Anna out everywhere',
    run: async (frames, person, admin) => {
      await seat(frames, person('anna'), admin);
      frames.ask('console', { ask: 'sign-out', username: 'anna' });
    },
  },
  {
    title: 'One seat, two devices',
    text: 'Dario may be signed in once. He signs in on the laptop, then on the phone: the laptop is told by which device.',
    go: 'Sign Dario in twice',
    run: async (frames, person) => {
      await frames.signIn('laptop', person('dario'));
      await frames.signIn('phone', person('dario'));
    },
  },
  {
    title: 'Remove a person',
    text: 'Ben is at work in Billing. Delete his account and see how long he stays. A fresh demo brings him back.',
    go: 'Delete Ben',
    run: async (frames, person, admin) => {
      await seat(frames, person('ben'), admin);
      frames.ask('laptop', { ask: 'go', path: '#/billing' });
      frames.ask('console', { ask: 'remove', username: 'ben' });
    },
  },
];

/**
 * @param {Frames} frames
 * @param {Demo} demo
 * @param {(text: string) => void} fail
 */
export function makeGuide(frames, demo, fail) {
  /** @param {string} name */
  const person = (name) => {
    const found = demo.users.find(({ username }) => username === name);
    if (!found) throw new Error(`${name} isn’t among this demo’s people.`);
    return found;
  };
  let busy = false;
  /** @param {() => Promise<void>} run */
  const go = async (run) => {
    if (busy) return;
    busy = true;
    fail('');
    try {
      await run();
    } catch (error) {
      fail(error instanceof Error ? error.message : 'That didn’t work.');
    } finally {
      busy = false;
    }
  };

  const begin = h(
    'button.button.primary',
    { type: 'button', 'data-testid': 'begin', onclick: () => go(() => seat(frames, person('anna'), demo.admin)) },
    'Sign everybody in',
  );
  const list = h(
    'ol.guide',
    { 'data-testid': 'guide' },
    STEPS.map((step, index) => {
      const item = h(
        'li.step',
        { 'data-testid': `step-${index + 1}` },
        h('h2', {}, step.title),
        h('p', {}, step.text),
        h(
          'div.actions',
          {},
          h(
            'button.button.small',
            {
              type: 'button',
              'data-testid': 'step-go',
              onclick: () =>
                go(async () => {
                  frames.show('console');
                  await step.run(frames, person, demo.admin);
                  item.classList.add('done');
                }),
            },
            step.go,
          ),
          step.also && h('button.link-button.small', { type: 'button', 'data-testid': 'step-also', onclick: () => go(() => step.also?.run(frames, person, demo.admin) ?? Promise.resolve()) }, step.also.label),
        ),
      );
      return item;
    }),
  );
  return { begin, list };
}
