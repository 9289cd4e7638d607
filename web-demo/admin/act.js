// Everything that reaches people goes through here: first what it would reach, as a question; then the deed;
// then the receipt, where it stays to be read.

import { ask } from '../shared/dialog.js';
import { h } from '../shared/h.js';
import { tell } from '../shared/relay.js';
import { count, sentence } from '../shared/words.js';
import { withQuery } from './api.js';

/** @typedef {import('./api.js').Api} Api */
/** @typedef {import('../shared/types.js').Preview} Preview */
/** @typedef {import('../shared/types.js').Receipt} Receipt */
/**
 * @typedef {object} Deed
 * @property {string} title the question
 * @property {string} [explain] what it means, in a sentence
 * @property {string} did what the receipt begins with, e.g. "Signed out"
 * @property {string} confirm the button
 * @property {boolean} [danger]
 * @property {boolean} [direct] asks nothing: giving hurts nobody
 * @property {string} method
 * @property {string} path
 * @property {unknown} [body]
 */
/** @typedef {(deed: Deed) => Promise<any>} Act resolves to the answer, or null where it was not done */

/** @param {Preview} preview */
export function reachText({ users, sessions, connections }) {
  if (sessions === 0) return 'Nobody is signed in whom this reaches.';
  const reach = `This reaches ${count(sessions, 'device')} of ${count(users, 'person', 'people')}.`;
  return connections ? `${reach} ${count(connections, 'open connection')} ${connections === 1 ? 'hears' : 'hear'} it at once.` : `${reach} None is connected now.`;
}

/** @param {Receipt} receipt */
export function receiptText({ seq, changed, sessions_ended, connections, elapsed_ms }) {
  if (changed === false) return 'Nothing changed: it was so already.';
  const told = connections.told > 0 ? `Told ${count(connections.told, 'device')} in ${elapsed_ms} ms` : `Nobody had to be told; done in ${elapsed_ms} ms`;
  const more = [
    sessions_ended > 0 && `${count(sessions_ended, 'session')} ended`,
    connections.closed > 0 && `${count(connections.closed, 'connection')} closed`,
    `log position ${seq}`,
  ];
  return [told, ...more.filter(Boolean)].join(' · ');
}

/** @param {string} title */
const deedOf = (title) => title.replace(/\?$/, '');

/**
 * @param {Api} api
 * @param {(did: string, text: string, bad?: boolean) => void} show where the receipt is read
 * @returns {Act}
 */
export function makeAct(api, show) {
  return async (deed) => {
    try {
      if (!deed.direct && !(await agreed(api, deed))) return null;
      tell('cause', deedOf(deed.title));
      const answer = await api(deed.method, deed.path, deed.body);
      const receipt = /** @type {Receipt | undefined} */ (answer.receipt ?? ('connections' in answer ? answer : undefined));
      const text = receipt ? receiptText({ ...receipt, changed: answer.changed ?? receipt.changed, seq: receipt.seq ?? answer.seq }) : 'Done';
      tell('answer', text);
      show(deed.did, text);
      return answer;
    } catch (error) {
      const text = sentence(error);
      tell('answer', text, 'bad');
      show('That didn’t work', text, true);
      return null;
    }
  };
}

/**
 * @param {Api} api
 * @param {Deed} deed
 */
async function agreed(api, { title, explain, confirm, danger, method, path, body }) {
  /** @type {Preview} */
  const preview = await api(method, withQuery(path, { dry_run: true }), body);
  const answer = await ask({
    title,
    body: [
      explain ? h('p', {}, explain) : null,
      h('p.message', { class: danger ? 'message warning' : 'message', 'data-testid': 'preview' }, reachText(preview)),
    ],
    answers: [
      { value: 'no', label: 'Cancel', testid: 'act-cancel' },
      { value: 'yes', label: confirm, kind: danger ? 'danger' : 'primary', testid: 'act-confirm' },
    ],
    testid: 'act-dialog',
  });
  return answer === 'yes';
}
