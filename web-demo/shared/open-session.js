// One session for a page. Two namespaces of one browser are two devices, which is how the stage shows a
// laptop and a phone side by side.

import { createSession } from '/client/index.js';

/** @typedef {import('./types.js').Session} Session */
/** @typedef {NonNullable<import('/client/index.js').SessionOptions['device']>} Device */

/**
 * @param {{ namespace: string, device?: Device }} options
 * @returns {Session}
 */
export const openSession = ({ namespace, device = {} }) => createSession({ storage: 'local', namespace, device });

/**
 * Until the session is live, or it is plain that it won't be soon: then the page shows what is known.
 *
 * @param {Session} session
 * @param {number} patience in milliseconds
 * @returns {Promise<void>}
 */
export function settled(session, patience) {
  return new Promise((resolve) => {
    const done = () => {
      if (session.state === 'connecting') return;
      clearTimeout(timer);
      off();
      resolve();
    };
    const off = session.on('statechange', done);
    const timer = setTimeout(() => {
      off();
      resolve();
    }, patience);
    done();
  });
}
