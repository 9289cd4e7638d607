/** The administrators' console: its flows, and what they do to an open application beside it. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { at, live, open, signIn, submit } from './application.js';
import { Company, until } from './support.js';

/** More people than any browser should be asked to draw. */
const MANY = 10_000;
const AT_ONCE = 20;

const company = new Company();
/** @type {import('./support.js').Demo} */
let demo;
beforeEach(async () => {
  demo = await company.demo();
});

async function fresh(options) {
  const one = await company.device(options);
  return one.page;
}

/** A page of the application with this person in it. */
async function application(username) {
  const page = await fresh();
  await open(page, demo.url);
  await signIn(page, demo.person(username));
  return page;
}

/** The console with the demo's administrator in it. */
async function console_(hash = '', options = {}) {
  const page = await fresh(options);
  await page.goto(`${demo.url}/admin`);
  await submit(page, demo.admin);
  await page.locator('[data-testid="stream"][data-state="live"]').waitFor();
  if (hash) await go(page, hash);
  return page;
}

const go = (page, hash) => page.evaluate((to) => void (location.hash = to), hash);
const personPage = (page, username) => go(page, `#/people/${demo.person(username).id}`);

/** Agrees to what the preview says; answers with it and with the receipt. */
async function agree(page) {
  const preview = (await page.getByTestId('preview').textContent()) ?? '';
  await page.getByTestId('act-confirm').click();
  await page.getByTestId('act-dialog').waitFor({ state: 'detached' });
  const receipt = (await page.getByTestId('receipt').textContent()) ?? '';
  return { preview, receipt };
}

test('who is no administrator is told so kindly', async () => {
  const page = await fresh();
  await page.goto(`${demo.url}/admin`);
  await submit(page, demo.person('anna'));
  await at(page, 'not-allowed');
});

test('a person is created with a group, found, and can sign in', async () => {
  const page = await console_('#/people');
  await page.getByTestId('create-person').click();
  const dialog = page.getByTestId('person-dialog');
  await dialog.locator('[name=username]').fill('erika');
  await dialog.locator('[name=display_name]').fill('Erika <i>Muster</i>');
  await dialog.locator('[name=password]').fill('correct horse battery');
  await dialog.locator('[value=staff]').check();
  await dialog.getByTestId('form-submit').click();
  await at(page, 'section-person');
  await page.getByRole('heading', { name: 'Erika <i>Muster</i>' }).waitFor();
  await go(page, '#/people');
  await page.getByTestId('people-search').fill('erik');
  await until(async () => (await page.getByTestId('person-row').count()) === 1);
  const application = await fresh();
  await open(application, demo.url);
  await signIn(application, { username: 'erika', password: 'correct horse battery' });
});

test('a name that is taken is said in the form, and nothing typed is lost', async () => {
  const page = await console_('#/people', { expectedComplaints: /status of 409/ });
  await page.getByTestId('create-person').click();
  const dialog = page.getByTestId('person-dialog');
  await dialog.locator('[name=username]').fill('anna');
  await dialog.getByTestId('form-submit').click();
  await dialog.getByTestId('form-problem').waitFor();
  assert.equal(await dialog.locator('[name=username]').inputValue(), 'anna');
});

test('a membership is taken away with preview and receipt, and the person hears it', async () => {
  const anna = await application('anna');
  const page = await console_();
  await personPage(page, 'anna');
  await page.locator('[data-testid="membership"][data-group="analysts"]').click();
  const { preview, receipt } = await agree(page);
  assert.match(preview, /1 device of 1 person/);
  assert.match(receipt, /Told 1 device in \d+ ms/);
  await anna.getByTestId('rights-updated').waitFor();
  const membership = page.locator('[data-testid="membership"][data-group="analysts"]');
  await until(async () => (await membership.getAttribute('aria-pressed')) === 'false');
});

test('a forced sign-out asks first, and reaches every device', async () => {
  const [one, other] = [await application('anna'), await application('anna')];
  const page = await console_();
  await personPage(page, 'anna');
  await page.getByTestId('person-sign-out').click();
  assert.match((await page.getByTestId('preview').textContent()) ?? '', /2 devices of 1 person/);
  await page.getByTestId('act-cancel').click();
  await live(one);
  await page.getByTestId('person-sign-out').click();
  const { receipt } = await agree(page);
  assert.match(receipt, /Told 2 devices in \d+ ms.*2 sessions ended/);
  for (const device of [one, other]) await device.locator('[data-testid="ended"][data-reason="revoked_by_admin"]').waitFor();
});

test('suspending and deleting a person shows them the door', async () => {
  const ben = await application('ben');
  const page = await console_();
  await personPage(page, 'ben');
  await page.getByTestId('person-suspend').click();
  await agree(page);
  await ben.locator('[data-testid="ended"][data-reason="user_suspended"]').waitFor();
  await page.getByTestId('person-resume').click();
  await page.getByTestId('person-suspend').waitFor();
  await signIn(ben, demo.person('ben'));
  await page.getByTestId('person-delete').click();
  await agree(page);
  await ben.locator('[data-testid="ended"][data-reason="user_deleted"]').waitFor();
});

test('permissions of a group change for every member', async () => {
  const [anna, chloe, ben] = [await application('anna'), await application('chloe'), await application('ben')];
  const page = await console_();
  await go(page, `#/groups/${demo.group('analysts').id}`);
  await page.getByTestId('group-edit-permissions').click();
  await page.getByTestId('permissions-dialog').locator('[name=permissions]').fill('reports:read\naudit:read');
  await page.getByTestId('form-submit').click();
  const { receipt } = await agree(page);
  assert.match(receipt, /Told 2 devices/);
  for (const device of [anna, chloe]) await device.getByTestId('rights-updated').waitFor();
  assert.equal(await ben.getByTestId('rights-updated').count(), 0);
});

test('a policy is made for a person, and ends the surplus', async () => {
  const [older, newer] = [await application('anna'), await application('anna')];
  const page = await console_('#/policies');
  await page.getByTestId('create-policy').click();
  const dialog = page.getByTestId('policy-dialog');
  await dialog.getByTestId('policy-person').fill('anna');
  await dialog.locator('[name=max_sessions]').fill('1');
  await dialog.getByTestId('at-limit-reject').check();
  await dialog.getByTestId('form-submit').click();
  await agree(page);
  await older.locator('[data-testid="ended"][data-reason="policy_changed"]').waitFor();
  await live(newer);
  await page.locator('[data-testid="policy"][data-name="anna"]').waitFor();
});

test('a limit to how old a sign-in may be: the person is warned, and then signs in anew', async () => {
  const page = await console_('#/policies');
  await page.getByTestId('create-policy').click();
  const dialog = page.getByTestId('policy-dialog');
  await dialog.getByTestId('policy-person').fill('anna');
  await dialog.locator('[name=max_sessions]').fill('');
  // Seconds, so that it comes while somebody looks; two of them are between the warning and the end.
  await dialog.locator('[name=sign_in_max_age_s]').fill(String(20 / 3600));
  await dialog.getByTestId('form-submit').click();
  await agree(page);
  const kept = await demo.call('GET', `/v1/policies/users/${demo.person('anna').id}`);
  assert.deepEqual([kept.sign_in_max_age_s, kept.max_sessions], [20, null]);
  await page.locator('[data-testid="policy"][data-name="anna"]').getByText('Signs in anew after 20 seconds').waitFor();

  const anna = await application('anna');
  await anna.getByTestId('toasts').getByText('Your session ends soon').waitFor();
  await anna.locator('[data-testid="ended"][data-reason="insufficient_user_authentication"]').waitFor();
  await signIn(anna, demo.person('anna'));
});

test('a notice reaches a group', async () => {
  const [anna, dario] = [await application('anna'), await application('dario')];
  const page = await console_('#/notices');
  await page.getByTestId('notice-group').fill('analysts');
  await page.getByTestId('notice-title').fill('Numbers are in');
  await page.getByTestId('notice-body').fill('Have a look.');
  await page.getByTestId('notice-send').click();
  await agree(page);
  await anna.getByTestId('toasts').getByText('Numbers are in').waitFor();
  assert.equal(await dario.getByText('Numbers are in').count(), 0);
});

test('sessions, events and the overview follow by themselves', async () => {
  const [sessions, events, overview] = [await console_('#/sessions'), await console_('#/events'), await console_('#/')];
  const anna = await application('anna');
  const row = sessions.locator('[data-testid="session-row"][data-username="anna"]');
  await row.getByText('127.0.0.1').waitFor();
  await until(async () => /1/.test((await row.locator('[data-label="Connections"]').textContent()) ?? ''));
  await events.getByTestId('event-type').selectOption('membership.removed');
  await until(async () => (await events.getByTestId('event').count()) === 0);
  await demo.leave('anna', 'analysts');
  await anna.getByTestId('rights-updated').waitFor();
  await events.getByTestId('event').first().waitFor();
  assert.equal(await events.getByTestId('event').count(), 1);
  await until(async () => /p99|99/.test((await overview.getByTestId('chart-tell-words').textContent()) ?? ''));
  await row.getByTestId('session-sign-out').click();
  await agree(sessions);
  await at(anna, 'sign-in-page');
  await row.waitFor({ state: 'detached' });
});

test('an administrator who is no longer one loses the console at once', async () => {
  const page = await console_('#/people');
  const { items } = await demo.call('GET', '/v1/groups?search=administrators');
  const second = demo.person('chloe').id;
  await demo.call('PUT', `/v1/groups/${items[0].id}/members/${second}`);
  await demo.call('DELETE', `/v1/groups/${items[0].id}/members/${demo.admin.id}`);
  await at(page, 'not-allowed');
});

test('ten thousand people are paged and searched', { timeout: 240_000 }, async () => {
  const names = Array.from({ length: MANY }, (_, n) => `person-${String(n).padStart(5, '0')}`);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, lane) => {
      for (let n = lane; n < MANY; n += AT_ONCE) await demo.call('POST', '/v1/users', { username: names[n] });
    }),
  );
  const page = await console_('#/people');
  await page.getByTestId('people-rows').locator('tr').first().waitFor();
  assert.equal(await page.getByTestId('person-row').count(), 50);
  await page.getByTestId('page-next').click();
  await page.getByText('Page 2').waitFor();
  assert.equal(await page.getByTestId('person-row').count(), 50);
  await page.getByTestId('people-search').fill('person-09999');
  await until(async () => (await page.getByTestId('person-row').count()) === 1);
  // A burst of events is no burst of drawing: the page answers a click meanwhile.
  await Promise.all(names.slice(0, 200).map((username) => demo.call('POST', '/v1/users', { username: `late-${username}` })));
  await page.getByTestId('nav-groups').click();
  await at(page, 'section-groups');
});
