// What the page is drawn with. Rights may change while somebody reads: the page keeps what it shows until
// the person refreshes, so nothing vanishes under their hands. The server decides about every request
// either way; this is only about what is drawn.

/** @typedef {import('../shared/types.js').Session} Session */
/** @typedef {import('./routes.js').Rights} Rights */

/**
 * @param {Session} session
 * @returns {Rights}
 */
export const rightsNow = (session) => ({ permissions: [...session.permissions], groups: [...session.groups] });

/**
 * @param {Rights} a
 * @param {Rights} b
 */
export const sameRights = (a, b) => same(a.permissions, b.permissions) && same(a.groups, b.groups);

/**
 * @param {readonly string[]} a
 * @param {readonly string[]} b
 */
const same = (a, b) => a.length === b.length && a.every((entry) => b.includes(entry));
