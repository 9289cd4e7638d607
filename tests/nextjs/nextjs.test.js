/** The Next.js application of `docs/integration/own-back-end.md`, as the page prints it: built, started, and used in Chromium. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Demo, device, launch, until } from '../browser/support.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const NEXT = join(HERE, 'node_modules/next/dist/bin/next');
const PAGE = await readFile(new URL('../../docs/integration/own-back-end.md', import.meta.url), 'utf8');
/** What the page leaves to the reader: the people, and the frame around every page. */
const OWN = {
  'lib/people.js': `export const people = {
    check: async (name, password) => (password === 'right' ? { id: 'id/of ' + name, groups: ['analysts'] } : null),
  };`,
  'app/layout.js': 'export default ({ children }) => <html lang="en"><body>{children}</body></html>;',
  // Browsers ask for one, and complain.
  'app/icon.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"/>',
  'package.json': '{"type": "module", "private": true}',
};

/** Each program of the section beside the name of its file, which is in the sentence before it. */
function printed() {
  const [, section] = /^## Next\.js$(.*)/ms.exec(PAGE) ?? [];
  const programs = [...section.matchAll(/^`((?:app|lib)\/\S+\.js)`[^\n]*:\n\n```js\n(.*?)^```$/gms)];
  return Object.fromEntries(programs.map(([, name, text]) => [name, text]));
}

/** @type {Demo} */
let demo;
let folder = '';
let address = '';
let children = [];

before(async () => {
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  demo = await Demo.start({ ALLOWED_ORIGINS: address });
  folder = await mkdtemp(join(HERE, '.tried-'));
  for (const [name, text] of Object.entries({ ...OWN, ...printed() })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const env = { ...process.env, SERVER_URL: demo.url, API_KEY: demo.key, NEXT_PUBLIC_SERVER_URL: demo.url, NEXT_TELEMETRY_DISABLED: '1' };
  await promisify(execFile)(process.execPath, [NEXT, 'build'], { cwd: folder, env }).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
  const child = spawn(process.execPath, [NEXT, 'start', '-H', '127.0.0.1', '-p', String(port)], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  children = [child];
  for await (const line of createInterface({ input: child.stdout })) if (/ready/i.test(line)) break;
  child.stdout.resume();
});

after(async () => {
  for (const child of children) {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
  await demo?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

test('the page has all that it needs', () => {
  assert.deepEqual(Object.keys(printed()).sort(), ['app/login/route.js', 'app/page.js', 'app/reports/route.js', 'lib/sessionwire.js']);
});

test('who signs in there has rights, loses them at once, and is told why it ended', async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const { page, complaints } = await device(browser, { expectedComplaints: /status of 40[13]/ });
  const says = (text) => page.locator('[role=status]').filter({ hasText: text }).waitFor();
  const report = () => page.getByRole('button', { name: 'Report' }).click();
  const enter = async (name, password) => {
    await page.locator('[name=name]').fill(name);
    await page.locator('[name=password]').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await page.goto(address);
  await enter('zoe', 'right');
  await says('Signed in.');
  const zoe = await demo.call('GET', `/v1/users/ext:${encodeURIComponent('id/of zoe')}`);
  await report();
  await says(JSON.stringify({ for: zoe.id }));

  const connected = async () => (await demo.call('GET', '/v1/presence')).items.some(({ user_id: id }) => id === zoe.id);
  await until(connected);
  const analysts = demo.group('analysts').id;
  await demo.call('DELETE', `/v1/groups/${analysts}/members/${zoe.id}?wait_ms=10000`);
  await says('Your rights were updated.');
  await report();
  await says('forbidden');

  await demo.call('DELETE', `/v1/users/${zoe.id}/sessions?wait_ms=10000`);
  await says('An administrator signed you out.');
  assert.deepEqual(complaints, []);
});

test('without a session, or with one that ended, the route handlers say so', async () => {
  const login = (password) =>
    fetch(`${address}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'max', password, device: { id: crypto.randomUUID(), name: 'test', platform: 'other' } }),
    });
  const reports = async (token) => {
    const answer = await fetch(`${address}/reports`, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    return [answer.status, (await answer.json()).code];
  };
  assert.equal((await login('wrong')).status, 401);
  assert.deepEqual(await reports(), [401, 'token_missing']);
  const { access_token: token, user } = await (await login('right')).json();
  assert.deepEqual(await reports(token), [200, undefined]);
  const receipt = await demo.call('POST', `/v1/users/${user.id}/suspend?wait_ms=10000`);
  assert.deepEqual(receipt.receipt?.guards ?? receipt.guards, { following: 1, applied: 1 });
  assert.deepEqual(await reports(token), [401, 'session_ended']);
});
