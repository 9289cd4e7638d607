// Whether somebody is at the page. What a page asks by itself refreshes tokens and so keeps a session alive; it
// stops asking when nobody is there, or an open tab could never idle out.

const AWAY_MS = 60_000;
/** Not the pointer's moving and no element's focus: a page that redraws itself causes both. */
const SIGNS = ['pointerdown', 'keydown', 'wheel', 'touchstart'];

let seenAt = Date.now();
/** @type {Set<() => void>} */
const waiting = new Set();

function see() {
  seenAt = Date.now();
  for (const wake of waiting) wake();
}
for (const sign of SIGNS) addEventListener(sign, see, { capture: true, passive: true });
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) see();
});

export const attended = () => !document.hidden && Date.now() - seenAt < AWAY_MS;

/**
 * @param {AbortSignal} signal
 * @returns {Promise<void>} at once where somebody is there, else when they come back
 */
export function untilAttended(signal) {
  return new Promise((resolve) => {
    const look = () => {
      if (!attended() && !signal.aborted) return;
      waiting.delete(look);
      resolve();
    };
    waiting.add(look);
    signal.addEventListener('abort', look, { once: true });
    look();
  });
}
