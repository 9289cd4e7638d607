/** What happens at the limit of one session: the four policies, on two devices. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { at, live, open, signIn, submit } from './application.js';
import { Company, until } from './support.js';

const company = new Company();
/** @type {import('./support.js').Demo} */
let demo;
beforeEach(async () => {
  demo = await company.demo();
});

/** The sign-in page on a device of that name. */
async function on(name) {
  // At the limit the server answers a sign-in with 409, which the browser notes.
  const one = await company.device({ expectedComplaints: /status of (409|403|410)/ });
  await open(one.page, `${demo.url}/?device_name=${encodeURIComponent(name)}`);
  return one.page;
}

test('evict_oldest: the older device is signed out and told by which device', async () => {
  const [laptop, phone] = [await on('Laptop'), await on('Phone')];
  await signIn(laptop, demo.person('dario'));
  await signIn(phone, demo.person('dario'));
  await at(laptop, 'sign-in-page');
  await laptop.getByTestId('ended').getByText('Phone').waitFor();
});

test('reject: the new device is refused and told where the seat is taken', async () => {
  await demo.limit('anna', 'reject');
  const [laptop, phone] = [await on('Laptop'), await on('Phone')];
  await signIn(laptop, demo.person('anna'));
  await submit(phone, demo.person('anna'));
  await phone.getByTestId('refused-dialog').getByText('Laptop').waitFor();
  await phone.getByTestId('refused-ok').click();
  await at(phone, 'sign-in-page');
  await live(laptop);
});

test('ask: the new device is asked, and yes signs the other one out', async () => {
  await demo.limit('anna', 'ask');
  const [laptop, phone] = [await on('Laptop'), await on('Phone')];
  await signIn(laptop, demo.person('anna'));
  await submit(phone, demo.person('anna'));
  await phone.getByTestId('take-over-dialog').getByTestId('seat').getByText('Laptop').waitFor();
  await phone.getByTestId('take-over-no').click();
  await at(phone, 'sign-in-page');
  await live(laptop);
  await submit(phone, demo.person('anna'));
  await phone.getByTestId('take-over-yes').click();
  await live(phone);
  await laptop.getByTestId('ended').getByText('Phone').waitFor();
});

test('approve: the old device is asked and denies, then allows', async () => {
  await demo.limit('anna', 'approve');
  const [laptop, phone] = [await on('Laptop'), await on('Phone')];
  await signIn(laptop, demo.person('anna'));
  await submit(phone, demo.person('anna'));
  await phone.getByTestId('pending-dialog').waitFor();
  await laptop.getByTestId('takeover-dialog').getByText('Phone').waitFor();
  await laptop.getByTestId('takeover-deny').click();
  await phone.getByTestId('pending-dialog').waitFor({ state: 'detached' });
  await at(phone, 'sign-in-page');
  await live(laptop);

  await submit(phone, demo.person('anna'));
  await laptop.getByTestId('takeover-allow').click();
  await live(phone);
  await laptop.getByTestId('ended').getByText('Phone').waitFor();
});

test('approve: who gives up waiting stays out, and the old device stays in', async () => {
  await demo.limit('anna', 'approve');
  const [laptop, phone] = [await on('Laptop'), await on('Phone')];
  await signIn(laptop, demo.person('anna'));
  await submit(phone, demo.person('anna'));
  await phone.getByTestId('pending-cancel').click();
  await phone.getByTestId('pending-dialog').waitFor({ state: 'detached' });
  await at(phone, 'sign-in-page');
  await live(laptop);
});

test('approve: with nobody there to answer the new device may take over', async () => {
  await demo.limit('anna', 'approve');
  const [laptop, phone] = [await on('Laptop'), await on('Phone')];
  await signIn(laptop, demo.person('anna'));
  await laptop.close();
  await until(async () => (await demo.call('GET', '/v1/presence')).items.length === 0);
  await submit(phone, demo.person('anna'));
  await phone.getByTestId('take-over-yes').click();
  await live(phone);
});
