// Cause and effect: a deed somewhere opens a chain; what is pushed to the others within its time hangs under
// it, with the milliseconds in between. The frames share one clock, so the numbers can be subtracted.

import { h } from '../shared/h.js';

/** @typedef {import('../shared/relay.js').Told} Told */
/** @typedef {{ who: string, what: Told['what'], text: string, at: number, tone: string }} Entry */

const CHAIN_MS = 20_000;
const CHAINS_MAX = 9;

/** @param {number} ms */
export const took = (ms) => (ms < 10 ? `+${Math.max(0, ms).toFixed(1)} ms` : ms < 1000 ? `+${Math.round(ms)} ms` : `+${(ms / 1000).toFixed(1)} s`);

export function makeTimeline() {
  /** @type {{ cause: Entry, then: Entry[] }[]} the newest first */
  const chains = [];
  const empty = h('p.quiet', { 'data-testid': 'timeline-empty' }, 'Nothing has happened yet. Begin above, or click around in the frames.');
  const place = h('div.timeline', { role: 'log', 'aria-live': 'polite', 'aria-label': 'Cause and effect', 'data-testid': 'timeline' });
  const element = h('section.panel.stack', { 'aria-labelledby': 'timeline-title' }, h('h2', { id: 'timeline-title' }, 'Cause and effect'), empty, place);

  /** @param {{ cause: Entry, then: Entry[] }} chain */
  const draw = ({ cause, then }) =>
    h(
      'ol.wire.chain',
      { 'data-testid': 'chain' },
      [cause, ...then].map((entry) => {
        const first = entry === cause;
        const tone = entry.tone === 'bad' ? 'bad' : entry.tone === 'warn' ? 'warn' : 'at';
        return h(
          'li',
          { class: tone, 'data-testid': first ? 'cause' : entry.what, 'data-who': entry.who },
          h('p.row', {}, h('span.took', { class: first ? 'took' : 'took late' }, first ? new Date(entry.at).toLocaleTimeString('en-GB') : took(entry.at - cause.at)), h('span', {}, h('strong', {}, entry.who), ` ${entry.text}`)),
        );
      }),
    );

  /** @param {Entry} entry */
  const add = (entry) => {
    empty.hidden = true;
    if (entry.what === 'cause') {
      const chain = { cause: entry, then: [] };
      chains.unshift(chain);
      place.prepend(draw(chain));
      if (chains.length > CHAINS_MAX) {
        chains.pop();
        place.lastElementChild?.remove();
      }
      return;
    }
    const index = chains.findIndex(
      ({ cause }) => cause.at <= entry.at && entry.at - cause.at < CHAIN_MS && (entry.what !== 'answer' || cause.who === entry.who),
    );
    const chain = chains[index];
    if (!chain) return;
    chain.then.push(entry);
    chain.then.sort((a, b) => a.at - b.at);
    place.children[index]?.replaceWith(draw(chain));
  };
  return { element, add };
}
