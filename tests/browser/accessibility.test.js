/** Every page by axe, in both colour schemes and on a phone; and that nothing comes from elsewhere. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { at, live, open, signIn, submit } from './application.js';
import { Demo, device, launch } from './support.js';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Demo} */
let demo;

before(async () => {
  browser = await launch();
  demo = await Demo.start();
});
after(async () => {
  await browser.close();
  await demo.stop();
});

const DESK = { viewport: { width: 1200, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  for (const [where, screen] of Object.entries({ desk: DESK, phone: PHONE })) {
    test(`no violation, ${colorScheme}, ${where}`, async () => {
      // The page's own policy forbids scripts put in from outside; axe is one.
      // Nothing is half faded in while it is looked at.
      const settings = { ...screen, colorScheme, reducedMotion: /** @type {const} */ ('reduce'), bypassCSP: true };
      const { context, page, complaints } = await device(browser, settings);
      const found = [];
      const look = async (name) => {
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        for (const { id, nodes } of violations) found.push(`${name}: ${id}: ${nodes.map(({ target }) => target).join(', ')}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) found.push(`${name}: ${overflow} px wider than the screen`);
      };
      await application(page, look);
      await console_(page, look);
      await page.goto(`${demo.url}/stage`);
      await at(page, 'guide');
      await look('stage');
      await page.goto(`${demo.url}/docs`);
      await page.getByRole('heading', { name: 'Coming in' }).waitFor();
      await look('docs');
      await context.close();
      assert.deepEqual(found, []);
      assert.deepEqual(complaints, []);
    });
  }
}

async function application(page, look) {
  await open(page, demo.url);
  await look('sign-in');
  await signIn(page, demo.person('chloe'));
  for (const name of ['home', 'reports', 'billing', 'team', 'devices']) {
    await page.evaluate((to) => void (location.hash = to), `#/${name === 'home' ? '' : name}`);
    await at(page, `page-${name}`);
    await look(name);
  }
  await demo.leave('chloe', 'analysts');
  await at(page, 'rights-updated');
  await look('rights updated');
  await demo.join('chloe', 'analysts');
  await demo.call('DELETE', `/v1/users/${demo.person('chloe').id}/sessions`);
  await at(page, 'ended');
  await look('ended');
}

async function console_(page, look) {
  await page.goto(`${demo.url}/admin`);
  await submit(page, demo.admin);
  await at(page, 'section-overview');
  const pages = {
    overview: '#/',
    people: '#/people',
    person: `#/people/${demo.person('anna').id}`,
    groups: '#/groups',
    group: `#/groups/${demo.group('staff').id}`,
    sessions: '#/sessions',
    policies: '#/policies',
    notices: '#/notices',
    events: '#/events',
  };
  for (const [name, hash] of Object.entries(pages)) {
    await page.evaluate((to) => void (location.hash = to), hash);
    await at(page, `section-${name}`);
    await look(`console ${name}`);
  }
  await page.evaluate((to) => void (location.hash = to), pages.person);
  await page.getByTestId('person-delete').click();
  await at(page, 'act-dialog');
  await look('console dialog');
  await page.getByTestId('act-cancel').click();
}

test('everything comes from the server itself', async () => {
  const { context, page } = await device(browser);
  const elsewhere = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.origin !== new URL(demo.url).origin) elsewhere.push(request.url());
  });
  for (const path of ['/', '/admin', '/stage', '/docs']) {
    const answer = await page.goto(demo.url + path);
    const policy = answer?.headers()['content-security-policy'] ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    await page.waitForLoadState('networkidle');
  }
  await open(page, demo.url);
  await signIn(page, demo.person('anna'));
  await live(page);
  await context.close();
  assert.deepEqual(elsewhere, []);
});
