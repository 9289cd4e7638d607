/**
 * Why a session ended, in words for a person, and the code that a socket of it is closed with. It may not
 * know who decided.
 */

const SENTENCES = new Map([
  ['signed_out', 'You signed out.'],
  ['signed_out_everywhere', 'You were signed out because you signed out everywhere.'],
  ['revoked_by_admin', 'An administrator signed you out.'],
  ['superseded', 'You were signed out because you signed in on another device.'],
  ['user_suspended', 'Your account was suspended.'],
  ['user_deleted', 'Your account was removed.'],
  ['password_changed', 'You were signed out because your password was changed.'],
  ['refresh_token_reused', 'You were signed out because your session may have been copied.'],
  ['idle_timeout', 'You were signed out because you were away for a long time.'],
  ['expired', 'Your session ran out. Please sign in again.'],
  ['device_revoked', 'This device was removed from your account.'],
  ['policy_changed', 'You were signed out because the rules for your account changed.'],
  ['identity_provider_logout', 'Your identity provider signed you out.'],
  ['revoke_all', 'Everybody was signed out. Please sign in again.'],
]);

/** @param {string} reason */
export function sentenceOf(reason) {
  return SENTENCES.get(reason) ?? 'You were signed out.';
}

/** @param {string} reason */
export function closeCodeOf(reason) {
  if (reason === 'superseded') return 4502;
  return reason === 'user_deleted' || reason === 'user_suspended' ? 4503 : 4501;
}
