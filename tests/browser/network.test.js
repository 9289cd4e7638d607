/** Tabs, late answers, and networks that come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, live, open, signIn } from './application.js';
import { startProxy } from '../../clients/js/test/support/proxy.js';
import { Company, until } from './support.js';

/** Away for as long as the traveller in the tunnel. */
const TUNNEL_MS = 30_000;

const company = new Company();

async function someone(server, person, options) {
  const one = await company.device(options);
  await open(one.page, server.url);
  await signIn(one.page, person);
  return one;
}

/** A further tab of the same browser. */
async function tab(server, { context }) {
  const page = await context.newPage();
  await page.goto(server.url);
  await live(page);
  return page;
}

test('a sign-out in one tab reaches the others at once', async () => {
  const server = await company.demo();
  const one = await someone(server, server.person('anna'));
  const others = [await tab(server, one), await tab(server, one)];
  await one.page.getByTestId('sign-out').click();
  for (const page of [one.page, ...others]) await at(page, 'sign-in-page');
});

for (const locks of [true, false]) {
  test(`three tabs refresh at once and keep the session, ${locks ? 'with' : 'without'} locks`, async () => {
    const server = await company.demo();
    const one = await company.device();
    if (!locks) await one.context.addInitScript(() => delete Object.getPrototypeOf(navigator).locks);
    await open(one.page, server.url);
    await signIn(one.page, server.person('anna'));
    const tabs = [one.page, await tab(server, one), await tab(server, one)];
    let refreshes = 0;
    one.context.on('request', (request) => {
      if (request.url().endsWith('/v1/token/refresh')) refreshes += 1;
    });
    await server.leave('anna', 'analysts');
    for (const page of tabs) await page.getByTestId('rights-updated').waitFor();
    await Promise.all(tabs.map((page) => page.getByTestId('rights-refresh').click()));
    for (const page of tabs) {
      await page.getByTestId('nav-reports').waitFor({ state: 'detached' });
      await live(page);
    }
    assert.ok(refreshes >= 1, 'somebody refreshed');
    const { items } = await server.call('GET', '/v1/sessions?state=live');
    assert.equal(items.length, 1);
    assert.equal(items[0].connections, 3);
  });
}

test('a late answer to a refresh does not undo a sign-out', async () => {
  const server = await company.demo();
  const { page } = await someone(server, server.person('anna'));
  /** @type {() => void} */
  let letGo = () => {};
  const held = new Promise((resolve) => {
    letGo = () => resolve(undefined);
  });
  let answered = 0;
  await page.route('**/v1/token/refresh', async (route) => {
    const answer = await route.fetch();
    answered += 1;
    await held;
    await route.fulfill({ response: answer });
  });
  await server.leave('anna', 'analysts');
  await until(async () => answered === 1);
  await page.getByTestId('sign-out').click();
  await at(page, 'sign-in-page');
  const arrived = page.waitForResponse('**/v1/token/refresh');
  letGo();
  await (await arrived).finished();
  await page.reload();
  await at(page, 'sign-in-page');
  assert.deepEqual((await server.call('GET', '/v1/sessions?state=live')).items, []);
});

test('thirty seconds without a network, and a change in between', async () => {
  const server = await company.demo();
  const { context, page } = await someone(server, server.person('anna'), { expectedComplaints: /ERR_INTERNET_DISCONNECTED/ });
  await context.setOffline(true);
  await page.locator('[data-testid="connection"][data-state="offline"]').waitFor();
  await server.leave('anna', 'analysts');
  await page.waitForTimeout(TUNNEL_MS);
  assert.equal(await page.getByTestId('rights-updated').count(), 0);
  await context.setOffline(false);
  await live(page);
  await page.getByTestId('rights-updated').waitFor();
});

test('a session that ended while the device was away is told when it comes back', async () => {
  const server = await company.demo();
  const { context, page } = await someone(server, server.person('anna'), { expectedComplaints: /ERR_INTERNET_DISCONNECTED/ });
  await context.setOffline(true);
  await page.locator('[data-testid="connection"][data-state="offline"]').waitFor();
  await server.call('DELETE', `/v1/users/${server.person('anna').id}/sessions`);
  await context.setOffline(false);
  await at(page, 'sign-in-page');
  await page.locator('[data-testid="ended"][data-reason="revoked_by_admin"]').waitFor();
});

for (const signal of ['SIGKILL', 'SIGTERM']) {
  test(`the server restarts under an open page (${signal})`, async () => {
    const server = await company.server();
    const anna = { username: 'anna', password: 'correct horse battery' };
    const group = await server.call('POST', '/v1/groups', { name: 'analysts', permissions: ['reports:read'] });
    const { id } = await server.call('POST', '/v1/users', { ...anna, groups: ['analysts'] });
    const { page } = await someone(server, anna, { expectedComplaints: /ERR_CONNECTION_REFUSED|Error during WebSocket/ });
    await server.restart(signal);
    await server.call('DELETE', `/v1/groups/${group.id}/members/${id}`);
    await page.getByTestId('rights-updated').waitFor();
    await live(page);
    const { items } = await server.call('GET', '/v1/sessions?state=live');
    assert.deepEqual(items.map((session) => session.connections), [1]);
  });
}

test('a network that lets no WebSocket through: the page is live all the same', async (t) => {
  const server = await company.demo();
  const proxy = await startProxy(t, server.url);
  const { page } = await company.device({ expectedComplaints: /WebSocket connection/ });
  await open(page, proxy.url);
  await signIn(page, server.person('anna'));
  await live(page);
  assert.ok(proxy.streams >= 1);
  await server.leave('anna', 'analysts');
  await page.getByTestId('rights-updated').waitFor();
  await page.getByTestId('rights-refresh').click();
  await page.getByTestId('nav-reports').waitFor({ state: 'detached' });
  // The new token has opened a new stream, and the old one is gone.
  await until(async () => {
    const { items } = await server.call('GET', '/v1/sessions?state=live');
    return items.length === 1 && items[0].connections === 1 && proxy.streams >= 2;
  });
  await live(page);
  await server.call('DELETE', `/v1/users/${server.person('anna').id}/sessions`);
  await at(page, 'sign-in-page');
  await page.locator('[data-testid="ended"][data-reason="revoked_by_admin"]').waitFor();
});
