// Team: example colleagues.

import { h } from '../../shared/h.js';
import { initials } from '../../shared/words.js';

const PEOPLE = /** @type {[string, string, string][]} */ ([
  ['Anna Larsen', 'Analysis', 'Copenhagen'],
  ['Ben Okafor', 'Accounting', 'Lagos'],
  ['Chloé Martin', 'Operations', 'Lyon'],
  ['Dario Conti', 'Field service', 'Bologna'],
]);

/** @returns {Node} */
export function team() {
  return h(
    'div.stack.loose',
    { 'data-testid': 'page-team' },
    h('h1', { tabindex: -1 }, 'Team'),
    h(
      'ul.panel.list',
      { 'aria-label': 'Colleagues' },
      PEOPLE.map(([name, work, place]) =>
        h(
          'li.device',
          {},
          h('span.avatar', { 'aria-hidden': 'true' }, initials(name)),
          h('span', {}, h('strong', {}, name), h('span.quiet', {}, ` · ${work}`)),
          h('span.quiet.small', {}, place),
        ),
      ),
    ),
    h('p.quiet.small', {}, 'Example people.'),
  );
}
