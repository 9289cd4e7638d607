// Billing: example invoices.

import { h } from '../../shared/h.js';

const INVOICES = /** @type {[string, string, string, boolean][]} */ ([
  ['2041', 'Harbour Coffee', '€ 1,240.00', false],
  ['2040', 'North & Pine', '€ 860.50', true],
  ['2039', 'Atelier Roux', '€ 2,115.00', true],
  ['2038', 'Kite Logistics', '€ 430.00', true],
]);

/** @returns {Node} */
export function billing() {
  return h(
    'div.stack.loose',
    { 'data-testid': 'page-billing' },
    h('h1', { tabindex: -1 }, 'Billing'),
    h('div.panel', {}, h('p.quiet.small', {}, 'Due now'), h('p.figure-big', {}, '€ 1,240.00'), h('p.quiet.small', {}, 'one invoice')),
    h(
      'div.table-wrap',
      {},
      h(
        'table.table.cards',
        {},
        h('caption.sr-only', {}, 'Invoices'),
        h('thead', {}, h('tr', {}, ['Invoice', 'Customer', 'Amount', ''].map((name) => h('th', { scope: 'col' }, name || h('span.sr-only', {}, 'State'))))),
        h(
          'tbody',
          {},
          INVOICES.map(([number, customer, amount, paid]) =>
            h(
              'tr',
              {},
              h('td.number', { 'data-label': 'Invoice' }, number),
              h('td', {}, h('strong', {}, customer)),
              h('td.number', { 'data-label': 'Amount' }, amount),
              h('td', {}, h('span.chip', { class: paid ? 'chip' : 'chip warn' }, paid ? 'Paid' : 'Due')),
            ),
          ),
        ),
      ),
    ),
    h('p.quiet.small', {}, 'Example invoices.'),
  );
}
