/** Makes the pictures of the documentation from a running demo. Look at each before it is committed. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { at, open, signIn, submit } from './application.js';
import { Demo, device, launch, until } from './support.js';

const FOLDER = fileURLToPath(new URL('../../docs/pictures', import.meta.url));
/** Sharp on good screens. */
const SCALE = 2;

const browser = await launch();
const demo = await Demo.start();
await mkdir(FOLDER, { recursive: true });

async function page(options) {
  const { page } = await device(browser, { deviceScaleFactor: SCALE, reducedMotion: 'reduce', ...options });
  return page;
}

const shoot = (one, name) => one.screenshot({ path: join(FOLDER, `${name}.png`) });

const laptop = await page({ viewport: { width: 1100, height: 640 } });
await open(laptop, `${demo.url}/?device_name=Laptop&platform=desktop`);
await signIn(laptop, demo.person('anna'));
await laptop.getByTestId('nav-reports').click();
await at(laptop, 'page-reports');
await demo.leave('anna', 'analysts');
await at(laptop, 'rights-updated');
await shoot(laptop, 'rights-updated');
await demo.join('anna', 'analysts');

const phone = await page({ viewport: { width: 390, height: 720 }, isMobile: true, colorScheme: 'dark' });
await open(phone, `${demo.url}/?device_name=Phone&platform=ios`);
await signIn(phone, demo.person('dario'));
const other = await page({ viewport: { width: 390, height: 720 } });
await open(other, `${demo.url}/?device_name=Tablet&platform=android`);
await signIn(other, demo.person('dario'));
await at(phone, 'ended');
await shoot(phone, 'superseded');

const desk = await page({ viewport: { width: 1200, height: 760 } });
await desk.goto(`${demo.url}/admin`);
await submit(desk, demo.admin);
await at(desk, 'section-overview');
for (let n = 0; n < 12; n += 1) {
  await demo.leave('chloe', 'accounting');
  await demo.join('chloe', 'accounting');
  await demo.leave('anna', 'analysts');
  await demo.join('anna', 'analysts');
}
// The charts have a point a second.
let seconds = 0;
const began = Date.now();
await until(async () => {
  seconds = (Date.now() - began) / 1000;
  return seconds > 20;
});
await shoot(desk, 'console');
await desk.evaluate((to) => void (location.hash = to), `#/people/${demo.person('anna').id}`);
await desk.getByTestId('person-sign-out').click();
await desk.getByTestId('preview').waitFor();
await shoot(desk, 'preview');
await desk.getByTestId('act-cancel').click();

// On the stage there are its own two devices and no third.
await laptop.close();
await demo.call('DELETE', `/v1/users/${demo.person('anna').id}/sessions`);
const stage = await page({ viewport: { width: 1500, height: 1300 } });
await stage.goto(`${demo.url}/stage`);
await stage.getByTestId('step-1').getByTestId('step-go').click();
await stage.frameLocator('[data-testid="frame-console"]').getByTestId('act-confirm').click();
await stage.locator('[data-testid="effect"][data-who="Phone"]').waitFor();
await shoot(stage, 'stage');

await browser.close();
await demo.stop();
