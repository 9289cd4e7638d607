/**
 * The guard as plugin of Fastify 5: every route of the scope that it is registered in needs a token; a route's
 * own `config.guard` says what else, or `false` for none. It may not know how a token is judged.
 */

import { tokenOf, whatOf } from './bearer.js';
import { GuardError } from './errors.js';
import { readRoute } from './settings.js';

/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {import('./types.js').Route & { token?: import('./types.js').TokenSource<any> }} FastifyOptions */

/**
 * What of Fastify's request is used.
 * @typedef {object} Request
 * @property {import('node:http').IncomingMessage} raw
 * @property {string} method
 * @property {string} url
 * @property {{ url?: string, config: { guard?: FastifyOptions | false } }} routeOptions
 * @property {Claims | null} auth
 */

const MORE = ['token'];

/**
 * @param {import('./guard.js').Guard} guard
 * @param {FastifyOptions} options
 */
export function fastifyGuard(guard, options) {
  readRoute(options, MORE);

  /**
   * @param {any} app
   * @param {unknown} _options
   * @param {(error?: Error) => void} done
   */
  function plugin(app, _options, done) {
    if (!app.hasRequestDecorator('auth')) app.decorateRequest('auth', null);
    // A misspelt need shows when the route is made, not when somebody comes through.
    app.addHook('onRoute', (/** @type {{ config?: { guard?: FastifyOptions | false } }} */ { config }) => {
      if (config?.guard) readRoute(config.guard, MORE);
    });
    app.addHook('onRequest', hook);
    done();
  }

  /**
   * @param {Request} request
   * @param {any} reply
   * @param {(error?: unknown) => void} done
   */
  function hook(request, reply, done) {
    const own = request.routeOptions.config?.guard;
    if (own === false) return done();
    const { token: source, ...route } = { ...options, ...own };
    const refused = (/** @type {unknown} */ error) => {
      if (!(error instanceof GuardError)) return done(error);
      reply.code(error.status).headers(error.headers()).send(JSON.stringify(error.problem()));
    };
    const accepted = (/** @type {Claims} */ claims) => {
      request.auth = claims;
      done();
    };
    let said;
    try {
      const token = source ? tokenOf(/** @type {any} */ (request), source) : tokenOf(request.raw);
      const what = route.what ?? whatOf(request.method, request.routeOptions.url ?? request.url);
      said = guard.decide(token, { ...route, what });
    } catch (error) {
      return refused(error);
    }
    if (said instanceof Promise) said.then(accepted, refused).catch(done);
    else accepted(said);
  }

  // For the scope that it is registered in, not for one of its own.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'sessionwire-guard',
  });
}
