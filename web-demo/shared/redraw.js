// Drawing anew under somebody's hands: what is drawn already is left alone, the keyboard keeps its place, and
// a button that is being pressed isn't exchanged for another before the finger is up, which would lose the click.

/** @typedef {import('./h.js').Child} Child */

/** @type {EventTarget | null} */
let pressed = null;
/** @type {Map<Element, () => void>} what waits for the finger, the last of each place */
const held = new Map();
/** @type {WeakMap<Element, string>} */
const drawn = new WeakMap();

function release() {
  pressed = null;
  // After the click, which follows the pointer's coming up.
  setTimeout(() => {
    const waiting = [...held.values()];
    held.clear();
    for (const draw of waiting) draw();
  });
}
addEventListener('pointerdown', ({ target }) => (pressed = target), true);
addEventListener('pointerup', release, true);
addEventListener('pointercancel', release, true);

/**
 * @param {Element} container
 * @param {unknown} state what the children follow from; the same again draws nothing
 * @param {() => Node[]} make the children. The one that has the focus is found again by its `data-focus`
 */
export function redraw(container, state, make) {
  if (pressed instanceof Node && container.contains(pressed)) {
    held.set(container, () => redraw(container, state, make));
    return;
  }
  held.delete(container);
  const key = JSON.stringify(state);
  if (drawn.get(container) === key) return;
  drawn.set(container, key);
  const active = document.activeElement;
  const focus = active && container.contains(active) ? active.getAttribute('data-focus') : null;
  container.replaceChildren(...make());
  if (focus === null) return;
  const again = container.querySelector(`[data-focus="${CSS.escape(focus)}"]`);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

/**
 * Part of a state whose words grow old by themselves ("2 minutes ago"): another one each minute.
 *
 * @returns {number}
 */
export const thisMinute = () => Math.floor(Date.now() / 60_000);
