/**
 * A real OpenID Connect provider (oidc-provider) with its own sign-in pages, a person who uses them, and the
 * server beside it. It may not know the server's code.
 */
import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import WebSocket from 'ws';
import { startServe } from '../../clients/js/test/support/server.js';

export const AUDIENCE = 'https://api.example';
const CLIENT = 'app';
const CALLBACK = 'https://app.example/callback';

/** @typedef {{ url: string, api: any, start: () => Promise<void>, stop: any }} Server */
/** @typedef {'RS256' | 'ES256'} Algorithm */

/**
 * @param {Algorithm} alg
 * @param {string} kid
 */
export function key(alg, kid) {
  const { privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg, kid, use: 'sig' };
}

/** The provider, at one address for as long as the test runs. */
class Op {
  /** @type {Provider | undefined} */
  provider;
  /** @type {import('node:http').RequestListener} */
  #handler = (_, response) => response.writeHead(503).end();
  #port = 0;
  #server = createServer();
  #cookieKey = randomUUID();

  constructor(/** @type {Algorithm} */ alg) {
    this.alg = alg;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen() {
    this.#server = createServer((request, response) => this.#handler(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  /** Nobody answers at its address any more. */
  async stop() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /**
   * Signs with the first of these keys from now on, and publishes all of them.
   * @param {object[]} keys
   * @param {string} logoutUri
   */
  use(keys, logoutUri) {
    const { alg } = this;
    this.provider = new Provider(this.url, /** @type {any} */ ({
      jwks: { keys },
      cookies: { keys: [this.#cookieKey] },
      clients: [
        {
          client_id: CLIENT,
          token_endpoint_auth_method: 'none',
          redirect_uris: [CALLBACK],
          id_token_signed_response_alg: alg,
          backchannel_logout_uri: logoutUri,
          backchannel_logout_session_required: true,
        },
      ],
      features: {
        backchannelLogout: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({ scope: 'read', accessTokenFormat: 'jwt', jwt: { sign: { alg } } }),
        },
      },
      // It refuses to connect to private addresses by itself, and the server is at one here.
      fetch: (/** @type {string} */ url, /** @type {any} */ { dispatcher: _, ...options }) => fetch(url, options),
      // Access tokens of this provider name neither session nor time of sign-in unless told to.
      extraTokenClaims: (/** @type {any} */ { oidc }) => {
        const code = oidc.entities.AuthorizationCode;
        return { sid: code.sid, auth_time: code.authTime };
      },
    }));
    this.#handler = this.provider.callback();
  }
}

/**
 * A provider and a server that takes its tokens.
 * @param {import('node:test').TestContext} t
 * @param {Algorithm} alg
 * @param {'exchange' | 'attach'} [use]
 */
export async function world(t, alg, use = 'exchange') {
  const op = new Op(alg);
  await op.listen();
  t.after(() => op.stop().catch(() => {}));
  const issuers = `[{ name = 'op', issuer = '${op.url}', audiences = ['${AUDIENCE}'], addresses = 'any',
    logout_audiences = ['${CLIENT}'], strangers = 'create', use = '${use}' }]`.replace(/\s+/g, ' ');
  /** @type {Server} */
  const server = await startServe(t, { SESSIONWIRE_ISSUERS: issuers });
  const logoutUri = `${server.url}/v1/back-channel-logout/op`;
  op.use([key(alg, 'k1')], logoutUri);
  await server.start();
  return { op, server, logoutUri };
}

/** A person with a browser: cookies, and forms that are filled in. */
export class Person {
  /** @type {Map<string, string>} */
  #cookies = new Map();

  /**
   * @param {Op} op
   * @param {string} name
   */
  constructor(op, name) {
    this.op = op;
    this.name = name;
  }

  /**
   * @param {string} url
   * @param {Record<string, string>} [form]
   */
  async #visit(url, form) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      if (value) this.#cookies.set(name, value);
      else this.#cookies.delete(name);
    }
    return response;
  }

  /**
   * Goes where it is sent, until a page is shown or the application's address is reached.
   * @param {Response} response
   * @param {string} from
   */
  async #follow(response, from) {
    let at = from;
    while (response.status === 303 || response.status === 302) {
      at = new URL(/** @type {string} */ (response.headers.get('location')), at).href;
      if (at.startsWith(CALLBACK)) return { at, page: '' };
      response = await this.#visit(at);
    }
    return { at, page: await response.text() };
  }

  /** Signs in at the provider, page by page; answers the tokens. */
  async signIn() {
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      client_id: CLIENT,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: 'openid read',
      resource: AUDIENCE,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const start = `${this.op.url}/auth?${query}`;
    let { at, page } = await this.#follow(await this.#visit(start), start);
    while (!at.startsWith(CALLBACK)) {
      const action = /action="([^"]+)"/.exec(page)?.[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
      if (!action || !prompt) throw new Error(`no form at ${at}: ${page}`);
      /** @type {Record<string, string>} */
      const form = prompt === 'login' ? { prompt, login: this.name, password: 'any' } : { prompt };
      const to = new URL(action, at).href;
      ({ at, page } = await this.#follow(await this.#visit(to, form), to));
    }
    const code = new URL(at).searchParams.get('code');
    if (!code) throw new Error(`no code in ${at}`);
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: CLIENT,
      redirect_uri: CALLBACK,
      code,
      code_verifier: verifier,
    });
    const response = await fetch(`${this.op.url}/token`, { method: 'POST', body });
    const tokens = /** @type {any} */ (await response.json());
    if (!tokens.access_token) throw new Error(JSON.stringify(tokens));
    return /** @type {{ access_token: string, id_token: string }} */ (tokens);
  }

  /** Signs out at the provider, on its page. */
  async signOut() {
    const url = `${this.op.url}/session/end?client_id=${CLIENT}`;
    const { page } = await this.#follow(await this.#visit(url), url);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1];
    if (!xsrf) throw new Error(page);
    const to = `${this.op.url}/session/end/confirm`;
    await this.#follow(await this.#visit(to, { xsrf, logout: 'yes' }), to);
  }
}

/**
 * Comes in with a token of the provider, on a device of its own.
 * @param {Server} server
 * @param {string} token
 */
export async function exchange(server, token) {
  const device = { id: randomUUID(), name: 'Phone', platform: 'ios' };
  return post(server, '/v1/sign-in/token', { token, device });
}

/**
 * @param {Server} server
 * @param {string} path
 * @param {unknown} body
 */
export async function post(server, path, body) {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: /** @type {any} */ (await response.json()) };
}

/**
 * A socket, and what it hears, in order; a close is `{ type: 'close' }`.
 * @param {import('node:test').TestContext} t
 * @param {Server} server
 * @param {string} token
 */
export function listen(t, server, token) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/socket`, {
    headers: { authorization: `Bearer ${token}` },
  });
  t.after(() => socket.terminate());
  /** @type {any[]} */
  const heard = [];
  /** @type {(() => void)[]} */
  const waiting = [];
  const take = (/** @type {any} */ message) => {
    heard.push(message);
    waiting.splice(0).forEach((wake) => wake());
  };
  socket.on('message', (data) => take(JSON.parse(String(data))));
  socket.on('close', (code) => take({ type: 'close', code }));
  const next = async (/** @type {string} */ type) => {
    for (;;) {
      const found = heard.find((message) => message.type === type);
      if (found) return found;
      await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    }
  };
  return { heard, next };
}

/**
 * Returns what `attempt` says once it is not null.
 * @template T
 * @param {() => Promise<T | null>} attempt
 */
export async function eventually(attempt) {
  for (;;) {
    const found = await attempt();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
