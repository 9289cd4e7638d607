/** The application's behaviours, with two browser contexts as two devices. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { at, open, signIn } from './application.js';
import { Company } from './support.js';

const company = new Company();
/** @type {import('./support.js').Demo} */
let demo;
beforeEach(async () => {
  demo = await company.demo();
});

async function someone(username, options) {
  const one = await company.device(options);
  await open(one.page, demo.url);
  await signIn(one.page, demo.person(username));
  return one.page;
}

test('who is removed from the system is at once back at the sign-in page, which says why', async () => {
  const anna = await someone('anna');
  const ben = await someone('ben');
  await demo.call('DELETE', `/v1/users/${demo.person('anna').id}`);
  await at(anna, 'sign-in-page');
  await anna.getByTestId('ended').getByText(/account/i).waitFor();
  assert.equal(await ben.getByTestId('app').isVisible(), true);
});

test('who leaves a group keeps the session, the page and a notice with a button', async () => {
  const anna = await someone('anna');
  const second = await someone('anna');
  const ben = await someone('ben');
  await anna.getByTestId('nav-team').click();
  await at(anna, 'page-team');
  await demo.leave('anna', 'analysts');
  for (const page of [anna, second]) await page.getByTestId('rights-updated').waitFor();
  // What is drawn stays until the person asks for the new rights.
  assert.equal(await anna.getByTestId('nav-reports').isVisible(), true);
  await anna.getByTestId('rights-refresh').click();
  await anna.getByTestId('rights-updated').waitFor({ state: 'detached' });
  await at(anna, 'page-team');
  await anna.getByTestId('nav-reports').waitFor({ state: 'detached' });
  assert.equal(await ben.getByTestId('rights-updated').count(), 0);
});

test('who may no longer see the page lands on Home and is told, after the button and after a reload', async () => {
  for (const refresh of [
    (page) => page.getByTestId('rights-refresh').click(),
    (page) => page.reload(),
  ]) {
    await demo.join('anna', 'analysts');
    const anna = await someone('anna');
    await anna.getByTestId('nav-reports').click();
    await at(anna, 'page-reports');
    await demo.leave('anna', 'analysts');
    await anna.getByTestId('rights-updated').waitFor();
    await at(anna, 'page-reports');
    await refresh(anna);
    await at(anna, 'page-home');
    await anna.getByTestId('landed').getByText('Reports').waitFor();
  }
});

test('rights that come and go again before anybody looks leave nothing to refresh', async () => {
  const anna = await someone('anna');
  await demo.leave('anna', 'analysts');
  await anna.getByTestId('rights-updated').waitFor();
  await demo.join('anna', 'analysts');
  await anna.getByTestId('rights-updated').waitFor({ state: 'detached' });
});

test('my devices: sees both, signs one out, then all others', async () => {
  const first = await someone('anna');
  const second = await someone('anna');
  await first.getByTestId('nav-devices').click();
  const rows = first.getByTestId('device');
  await rows.nth(1).waitFor();
  assert.equal(await rows.count(), 2);
  assert.equal(await first.getByTestId('this-device').count(), 1);
  const other = rows.filter({ hasNot: first.getByTestId('this-device') });
  await other.getByTestId('device-sign-out').click();
  await at(second, 'sign-in-page');
  await second.getByTestId('ended').waitFor();
  await rows.nth(1).waitFor({ state: 'detached' });

  const third = await someone('anna');
  await rows.nth(1).waitFor();
  await first.getByTestId('sign-out-others').click();
  await first.getByTestId('others-yes').click();
  await at(third, 'sign-in-page');
  await at(first, 'app');
});

test('a notice is shown, as urgent as it is', async () => {
  const anna = await someone('anna');
  const path = `/v1/users/${demo.person('anna').id}/notices`;
  await demo.call('POST', path, { level: 'info', title: 'Lunch <b>now</b>', body: 'It is ready.' });
  await anna.getByTestId('toasts').getByText('Lunch <b>now</b>').waitFor();
  await demo.call('POST', path, { level: 'critical', title: 'Fire', body: 'Leave.' });
  await anna.getByTestId('toasts-critical').getByText('Fire').waitFor();
});

test('a wrong password is told kindly and says nothing of who exists', async () => {
  const one = await company.device();
  await open(one.page, demo.url);
  const told = [];
  for (const username of ['anna', 'nobody']) {
    await one.page.getByTestId('username').fill(username);
    await one.page.getByTestId('password').fill('wrong');
    await one.page.getByTestId('sign-in').click();
    await one.page.getByTestId('sign-in-problem').waitFor();
    told.push(await one.page.getByTestId('sign-in-problem').textContent());
  }
  assert.equal(told[0], told[1]);
});

test('a page that is not allowed is not drawn for a moment, nor at its address', async () => {
  const ben = await someone('dario');
  await ben.evaluate(() => {
    globalThis.drawn = [];
    new MutationObserver(() => {
      for (const page of document.querySelectorAll('[data-testid^="page-"]')) globalThis.drawn.push(page.getAttribute('data-testid'));
    }).observe(document, { childList: true, subtree: true });
    location.hash = '#/billing';
  });
  await ben.getByTestId('landed').waitFor();
  assert.deepEqual([...new Set(await ben.evaluate(() => globalThis.drawn))], ['page-home']);
});
