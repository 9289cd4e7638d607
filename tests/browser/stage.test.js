/** The stage: cause and effect side by side, with real sessions in frames. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Company } from './support.js';

const company = new Company();
/** @type {import('playwright-core').Page} */
let page;
beforeEach(async () => {
  const demo = await company.demo();
  ({ page } = await company.device({ viewport: { width: 1600, height: 1000 } }));
  await page.goto(`${demo.url}/stage`);
});

const step = (number) => page.getByTestId(`step-${number}`).getByTestId('step-go').click();
const inFrame = (name) => page.frameLocator(`[data-testid="frame-${name}"]`);
const agree = () => inFrame('console').getByTestId('act-confirm').click();

/** What a device was told, and after how long. */
async function effect(who, words) {
  const entry = page.locator(`[data-testid="effect"][data-who="${who}"]`).filter({ hasText: words }).first();
  await entry.waitFor();
  assert.match((await entry.textContent()) ?? '', /\+[\d.]+ (ms|s)/);
}

test('a right is taken away: both devices hear it, and land on Home after the refresh', async () => {
  await step(1);
  await agree();
  await effect('Laptop', 'rights updated');
  await effect('Phone', 'rights updated');
  await inFrame('laptop').getByTestId('rights-refresh').click();
  await inFrame('laptop').getByTestId('landed').waitFor();
});

test('somebody is signed out everywhere', async () => {
  await step(2);
  await agree();
  for (const name of ['laptop', 'phone']) await inFrame(name).getByTestId('ended').waitFor();
  await effect('Laptop', 'signed out');
});

test('one seat, two devices', async () => {
  await step(3);
  await inFrame('laptop').getByTestId('ended').getByText('Phone').waitFor();
  await inFrame('phone').getByTestId('app').waitFor();
});

test('a person is removed', async () => {
  await step(4);
  await agree();
  await inFrame('laptop').locator('[data-testid="ended"][data-reason="user_deleted"]').waitFor();
});
