// What a page tells the stage around it: when something was done here, and when something arrived here, by
// one clock. A page that stands alone tells nobody. Both directions are for our own origin only.

/**
 * @typedef {object} Told
 * @property {'sessionwire.stage'} kind
 * @property {'cause' | 'answer' | 'effect' | 'state'} what a cause is somebody's deed, an effect is what was pushed
 * @property {string} text
 * @property {number} at milliseconds since the epoch, with fractions
 * @property {'calm' | 'warn' | 'bad'} [tone]
 * @property {string} [user] who is signed in here now
 */
/** @typedef {{ kind: 'sessionwire.ask', ask: string, [member: string]: unknown }} Asked */

const framed = window.parent !== window;

/** @returns {number} */
export const now = () => performance.timeOrigin + performance.now();

/**
 * @param {Told['what']} what
 * @param {string} text
 * @param {Told['tone']} [tone]
 * @param {string} [user]
 */
export function tell(what, text, tone = 'calm', user) {
  if (!framed) return;
  /** @type {Told} */
  const told = { kind: 'sessionwire.stage', what, text, at: now(), tone, user };
  window.parent.postMessage(told, location.origin);
}

/**
 * @param {(asked: Asked) => void} listener what the stage asks of this page
 */
export function onAsked(listener) {
  if (!framed) return;
  addEventListener('message', (event) => {
    if (event.origin !== location.origin || event.source !== window.parent) return;
    if (event.data?.kind === 'sessionwire.ask') listener(event.data);
  });
}
