// What an administrator can do to people, as questions for act.js: one place for their words, whichever page
// they are asked on.

/** @typedef {import('./act.js').Deed} Deed */
/** @typedef {import('../shared/types.js').User} User */
/** @typedef {import('../shared/types.js').Group} Group */
/** @typedef {Pick<User, 'id' | 'username'>} Who */

/**
 * @param {Who} user
 * @param {Pick<Group, 'id' | 'name'>} group
 * @param {boolean} member
 * @returns {Deed}
 */
export function memberDeed(user, group, member) {
  const path = `/v1/groups/${group.id}/members/${user.id}`;
  return member
    ? { title: `Add ${user.username} to ${group.name}?`, did: `${user.username} joined ${group.name}`, confirm: 'Add', direct: true, method: 'PUT', path }
    : {
        title: `Remove ${user.username} from ${group.name}?`,
        explain: 'They stay signed in, and are told that their rights were updated.',
        did: `${user.username} left ${group.name}`,
        confirm: 'Remove',
        method: 'DELETE',
        path,
      };
}

/**
 * @param {Who} user
 * @returns {Deed}
 */
export const signOutDeed = (user) => ({
  title: `Sign ${user.username} out everywhere?`,
  explain: 'They can sign in again.',
  did: `${user.username} is signed out`,
  confirm: 'Sign out',
  danger: true,
  method: 'DELETE',
  path: `/v1/users/${user.id}/sessions`,
});

/**
 * @param {string} name
 * @param {string} device
 * @param {string} session
 * @returns {Deed}
 */
export const endSessionDeed = (name, device, session) => ({
  title: `Sign ${name} out on ${device}?`,
  explain: 'Their other devices stay signed in.',
  did: `${name} is signed out on ${device}`,
  confirm: 'Sign out',
  danger: true,
  method: 'DELETE',
  path: `/v1/sessions/${session}`,
});

/**
 * @param {Who} user
 * @returns {Deed}
 */
export const suspendDeed = (user) => ({
  title: `Suspend ${user.username}?`,
  explain: 'They are signed out everywhere and can’t sign in until you resume the account.',
  did: `${user.username} is suspended`,
  confirm: 'Suspend',
  danger: true,
  method: 'POST',
  path: `/v1/users/${user.id}/suspend`,
});

/**
 * @param {Who} user
 * @returns {Deed}
 */
export const resumeDeed = (user) => ({
  title: `Resume ${user.username}?`,
  did: `${user.username} may sign in again`,
  confirm: 'Resume',
  direct: true,
  method: 'POST',
  path: `/v1/users/${user.id}/resume`,
});

/**
 * @param {Who} user
 * @returns {Deed}
 */
export const removeDeed = (user) => ({
  title: `Delete ${user.username}?`,
  explain: 'The account is gone for good, and they are signed out everywhere. This can’t be undone.',
  did: `${user.username} is deleted`,
  confirm: 'Delete for good',
  danger: true,
  method: 'DELETE',
  path: `/v1/users/${user.id}`,
});
