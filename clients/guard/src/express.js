/**
 * The guard as middleware of Express (4 and 5), and of anything else that calls `(req, res, next)`. It may not
 * know how a token is judged.
 */

import { tokenOf, whatOf } from './bearer.js';
import { GuardError } from './errors.js';
import { readRoute } from './settings.js';

/** @typedef {import('./types.js').Claims} Claims */
/** @typedef {import('node:http').IncomingMessage & { originalUrl?: string, auth?: Claims }} Request */
/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {import('./types.js').Route & { token?: import('./types.js').TokenSource<any> }} ExpressOptions */

/**
 * @param {import('./guard.js').Guard} guard
 * @param {ExpressOptions} options
 */
export function expressGuard(guard, options) {
  const { token: source, ...route } = readRoute(options, ['token']);
  /**
   * @param {Request} req
   * @param {Response} res
   * @param {(error?: any) => void} next
   */
  return function guarded(req, res, next) {
    const refused = (/** @type {unknown} */ error) => (error instanceof GuardError ? refuse(res, error) : next(error));
    const accepted = (/** @type {Claims} */ claims) => {
      req.auth = claims;
      next();
    };
    let said;
    try {
      const what = route.what ?? whatOf(req.method, req.originalUrl ?? req.url);
      said = guard.decide(tokenOf(req, source), { ...route, what });
    } catch (error) {
      return void refused(error);
    }
    if (said instanceof Promise) said.then(accepted, refused).catch(next);
    else accepted(said);
  };
}

/** @param {Response} res @param {GuardError} error */
function refuse(res, error) {
  res.statusCode = error.status;
  for (const [name, value] of Object.entries(error.headers())) res.setHeader(name, value);
  res.end(JSON.stringify(error.problem()));
}
