/**
 * Signing out at the server, after the fact here. It may not know what is stored: it is given the session
 * that was.
 */

import { readSignedIn } from './answers.js';
import { isSessionwireError } from './errors.js';

/**
 * Ends a session at the server that is already over here, if the server can be told.
 * @param {import('./http.js').Api} api
 * @param {import('./time.js').Time} time
 * @param {import('./types.js').Kept} session
 * @param {(report: import('./types.js').Report) => void} report
 */
export async function tellSignedOut(api, time, session, report) {
  try {
    await signOutAtServer(api, time, session);
  } catch (error) {
    report({ code: 'sign_out_not_confirmed', message: `Signed out here, but the server could not be told: ${error}` });
  }
}

/**
 * @param {import('./http.js').Api} api
 * @param {import('./time.js').Time} time
 * @param {import('./types.js').Kept} session
 */
async function signOutAtServer(api, time, session) {
  const { accessToken, expiresAt } = session.grant;
  /** @param {string} token */
  const signOut = (token) => api.post('/v1/sign-out', { token, lasting: true });
  try {
    if (expiresAt > time.now()) return await ignoringEnd(signOut(accessToken));
  } catch (error) {
    if (!isSessionwireError(error, 'token_expired')) throw error;
  }
  // Signing out takes an access token, and this one has run out: get a last one, for this alone.
  await ignoringEnd(
    api.refresh(session.grant, { lasting: true }).then((answer) => signOut(readSignedIn(answer.body, time.now()).grant.accessToken)),
  );
}

/** @param {Promise<unknown>} call */
async function ignoringEnd(call) {
  try {
    await call;
  } catch (error) {
    // The session is over, which was the aim.
    if (!['session_ended', 'refresh_token_reused', 'refresh_token_invalid'].some((code) => isSessionwireError(error, code))) throw error;
  }
}
