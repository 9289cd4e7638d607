/**
 * Reasons: why a session ends, with a sentence for the person. The server sends the sentence with its
 * message; these stand in where only the reason is known (an HTTP answer, a close code). It may not
 * know how an end is found out.
 */

/** @type {Readonly<Record<string, string>>} */
const SENTENCES = Object.freeze({
  signed_out: 'You signed out.',
  signed_out_everywhere: 'You were signed out because you signed out everywhere.',
  revoked_by_admin: 'An administrator signed you out.',
  superseded: 'You were signed out because you signed in on another device.',
  user_suspended: 'Your account was suspended.',
  user_deleted: 'Your account was removed.',
  password_changed: 'You were signed out because your password was changed.',
  refresh_token_reused: 'You were signed out because your session may have been copied.',
  idle_timeout: 'You were signed out because you were away for a long time.',
  expired: 'Your session ran out. Please sign in again.',
  device_revoked: 'This device was removed from your account.',
  policy_changed: 'You were signed out because the rules for your account changed.',
  identity_provider_logout: 'Your identity provider signed you out.',
  insufficient_user_authentication: 'You signed in a long time ago. Please sign in again.',
  key_lost: 'The key to your session is no longer on this device. Please sign in again.',
  revoke_all: 'Everybody was signed out. Please sign in again.',
});

const OTHERWISE = 'You are no longer signed in. Please sign in again.';

/**
 * @param {string} reason One of the contract's reasons, or `token_invalid` where the server knows the
 *   tokens no longer, `insufficient_user_authentication` where the person has to sign in anew, or
 *   `key_lost` where the key is not here that the tokens are bound to.
 * @param {{ message?: string, replacedBy?: import('./types.js').DeviceLabel }} [told] What the server said besides.
 * @returns {import('./types.js').Ended}
 */
export function endedBecause(reason, told = {}) {
  const message = told.message || sentence(reason);
  return Object.freeze(
    told.replacedBy ? { reason, message, replacedBy: Object.freeze(told.replacedBy) } : { reason, message },
  );
}

/** @param {string} reason */
function sentence(reason) {
  return Object.hasOwn(SENTENCES, reason) ? String(SENTENCES[reason]) : OTHERWISE;
}
