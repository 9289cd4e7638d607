/**
 * What all browser tests share: a real server, real Chromium, devices that are contexts of their own,
 * and a page that fails its test when it complains in its console.
 *
 * It may not know what the pages show; that is for the tests.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = process.env.SERVER_PROGRAM ?? join(ROOT, 'target/debug/sessionwire');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Nothing but the pages under test may use the network. */
const CHROMIUM_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Cheap password hashes: the tests are about what comes after them. */
const CHEAP = {
  SESSIONWIRE_PASSWORD_HASH_MEMORY_KIB: '8',
  SESSIONWIRE_PASSWORD_HASH_ITERATIONS: '1',
};

/** @typedef {{id: string, username: string, password: string, groups: string[]}} Person */

/** A running demo, and its REST interface with the demo's key. */
export class Demo {
  /** @param {Record<string, string>} [settings] names without `SESSIONWIRE_` */
  static async start(settings = {}) {
    const env = { ...process.env, ...CHEAP, SESSIONWIRE_LOG_LEVEL: 'error' };
    for (const [name, value] of Object.entries(settings)) env[`SESSIONWIRE_${name}`] = value;
    const child = spawn(PROGRAM, ['demo', '--listen', '127.0.0.1:0', '--json'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    return new Demo(child, JSON.parse(line));
  }

  constructor(child, about) {
    this.child = child;
    this.url = about.url;
    this.key = about.api_key;
    this.admin = about.admin;
    this.people = about.users;
    this.groups = about.groups;
  }

  /** @returns {Person} */
  person(username) {
    return this.people.find((person) => person.username === username);
  }

  group(name) {
    return this.groups.find((group) => group.name === name);
  }

  call(method, path, body) {
    return call(this.url, this.key, method, path, body);
  }

  /** Takes somebody out of a group; answers with the receipt. */
  leave(username, group) {
    return this.call('DELETE', `/v1/groups/${this.group(group).id}/members/${this.person(username).id}`);
  }

  join(username, group) {
    return this.call('PUT', `/v1/groups/${this.group(group).id}/members/${this.person(username).id}`);
  }

  /** One session, and what happens to the next one. */
  limit(username, atLimit) {
    const policy = { max_sessions: 1, at_limit: atLimit };
    return this.call('PUT', `/v1/policies/users/${this.person(username).id}`, policy);
  }

  async stop() {
    await stop(this.child);
  }
}

/** A server for production whose port and data survive its restarts. */
export class Server {
  static async start() {
    const directory = await mkdtemp(join(tmpdir(), 'sessionwire-browser-'));
    const server = new Server(directory);
    await server.run('127.0.0.1:0');
    const made = spawn(PROGRAM, ['key', 'create', '--scope', 'admin'], {
      env: server.env('127.0.0.1:0'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [key] = await once(createInterface({ input: made.stdout }), 'line');
    server.key = key;
    return server;
  }

  constructor(directory) {
    this.directory = directory;
    this.key = '';
    this.url = '';
  }

  env(listen) {
    return {
      ...process.env,
      ...CHEAP,
      SESSIONWIRE_DATA_DIR: this.directory,
      SESSIONWIRE_LISTEN: listen,
      SESSIONWIRE_ISSUER: 'http://browser.test',
      SESSIONWIRE_PAGES: 'all',
      SESSIONWIRE_DRAIN_S: '1',
    };
  }

  async run(listen) {
    this.child = spawn(PROGRAM, ['serve'], { env: this.env(listen), stdio: ['ignore', 'inherit', 'pipe'] });
    for await (const line of createInterface({ input: this.child.stderr })) {
      const [, address] = line.split('address=');
      if (address) {
        this.url = `http://${address.trim()}`;
        break;
      }
    }
    this.child.stderr.resume();
  }

  /** Killed as by a power cut, or asked to make way. */
  async restart(signal = 'SIGKILL') {
    await stop(this.child, signal);
    await this.run(new URL(this.url).host);
  }

  call(method, path, body) {
    return call(this.url, this.key, method, path, body);
  }

  async stop() {
    await stop(this.child);
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function call(url, key, method, path, body) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  assert.ok(response.ok, `${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.kill(signal);
  await over;
}

/** Asks until it is so. The test runner's own time limit ends what never comes. */
export async function until(isSo) {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

/** Chromium, to be closed. */
export async function launch() {
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
}

/**
 * What the tests of a file share: one Chromium, and for each test devices and a server that are gone after
 * it. A page that complained in its console fails its test.
 */
export class Company {
  /** @type {import('playwright-core').Browser | undefined} */
  #browser;
  /** @type {Device[]} */
  #devices = [];
  /** @type {Demo | Server | undefined} */
  #server;

  constructor() {
    before(async () => {
      this.#browser = await launch();
    });
    after(() => this.#browser?.close());
    afterEach(() => this.#part());
  }

  /** @param {DeviceOptions} [options] */
  async device(options) {
    assert.ok(this.#browser);
    const one = await device(this.#browser, options);
    this.#devices.push(one);
    return one;
  }

  /** A demo for one test. */
  async demo() {
    const demo = await Demo.start();
    this.#server = demo;
    return demo;
  }

  /** A server for production for one test. */
  async server() {
    const server = await Server.start();
    this.#server = server;
    return server;
  }

  async #part() {
    for (const { context } of this.#devices) await context.close();
    const complaints = this.#devices.flatMap((one) => one.complaints);
    this.#devices = [];
    await this.#server?.stop();
    assert.deepEqual(complaints, []);
  }
}

/** @typedef {import('playwright-core').BrowserContextOptions & {expectedComplaints?: RegExp}} DeviceOptions */
/** @typedef {Awaited<ReturnType<typeof device>>} Device */

/**
 * A device: a browser context of its own with one page.
 *
 * @param {import('playwright-core').Browser} browser
 * @param {DeviceOptions} [options]
 */
export async function device(browser, { expectedComplaints, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  const complaints = watchConsole(context, expectedComplaints);
  return { context, page: await context.newPage(), complaints };
}

/** A token that a change has just made stale is answered so, the client gets another, and Chromium notes it. */
const STALE = /status of 401/;

/**
 * What the pages of a context complained about. A refused request shows as a line of the browser's own
 * that names its status: those a test provokes are named by `expected`.
 */
function watchConsole(context, expected) {
  const complaints = [];
  const note = (text) => {
    if (!expected?.test(text) && !STALE.test(text)) complaints.push(text);
  };
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') note(message.text());
  });
  context.on('weberror', (error) => note(String(error.error())));
  return complaints;
}
