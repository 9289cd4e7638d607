/**
 * The guard as middleware of Koa. It may not know how a token is judged.
 */

import { tokenOf, whatOf } from './bearer.js';
import { GuardError } from './errors.js';
import { readRoute } from './settings.js';

/**
 * What of Koa's context is used.
 * @typedef {object} Context
 * @property {import('node:http').IncomingMessage} req
 * @property {string} method
 * @property {string} path
 * @property {Record<string, any>} state
 * @property {number} status
 * @property {any} body
 * @property {(headers: Record<string, string>) => void} set
 */
/** @typedef {import('./types.js').Route & { token?: import('./types.js').TokenSource<any> }} KoaOptions */

/**
 * @param {import('./guard.js').Guard} guard
 * @param {KoaOptions} options
 */
export function koaGuard(guard, options) {
  const { token: source, ...route } = readRoute(options, ['token']);
  /**
   * @param {any} ctx
   * @param {() => Promise<any>} next
   * @returns {Promise<any>}
   */
  return async function guarded(ctx, next) {
    const context = /** @type {Context} */ (ctx);
    try {
      const token = source ? tokenOf(ctx, source) : tokenOf(context.req);
      const said = guard.decide(token, { ...route, what: route.what ?? whatOf(context.method, context.path) });
      context.state.auth = said instanceof Promise ? await said : said;
    } catch (error) {
      if (!(error instanceof GuardError)) throw error;
      context.status = error.status;
      context.set(error.headers());
      context.body = JSON.stringify(error.problem());
      return;
    }
    await next();
  };
}
