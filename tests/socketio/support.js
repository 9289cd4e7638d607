/** People who connect with socket.io-client, and what they hear. It may not know the server's code. */
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

/** The ways on which a client can come. */
export const WAYS = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};

/** @typedef {(method: string, path: string, body?: unknown) => Promise<any>} Api */
/** @typedef {{ session_id: string, access_token: string, refresh_token: string }} SignedIn */

/**
 * @param {string} url
 * @param {string} path
 * @param {unknown} body
 * @param {string} [token]
 */
export async function post(url, path, body, token) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/**
 * A session of a device of its own.
 * @param {string} url
 * @param {{ username: string, password: string }} person
 * @returns {Promise<SignedIn>}
 */
export async function signIn(url, { username, password }) {
  const device = { id: randomUUID(), name: 'Test', platform: 'desktop' };
  const { status, body } = await post(url, '/v1/sign-in', { username, password, device });
  if (status !== 200) throw new Error(`not signed in: ${JSON.stringify(body)}`);
  return body;
}

/**
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {string[]} transports
 * @param {object} auth
 */
export function connect(t, url, transports, auth) {
  const socket = io(url, { transports, auth, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  t.after(() => socket.disconnect());
  return socket;
}

/**
 * The next event of this name, with its argument.
 * @param {import('socket.io-client').Socket} socket
 * @param {string} name
 * @returns {Promise<any>}
 */
export function heard(socket, name) {
  return new Promise((resolve) => void socket.once(name, resolve));
}

/**
 * Asks until it is so. The test runner's own time limit ends what never comes.
 * @param {() => Promise<boolean> | boolean} isSo
 */
export async function until(isSo) {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

/** @param {Api} api */
export async function connected(api) {
  const { items } = await api('GET', '/v1/presence');
  return items.reduce((/** @type {number} */ sum, /** @type {{ connections: number }} */ it) => sum + it.connections, 0);
}
