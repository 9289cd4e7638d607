// The light and dark toggle. The choice is kept for the browser and followed by every open page and frame;
// without a choice the system decides.

import { h } from './h.js';
import { icon } from './icons.js';

const KEY = 'sessionwire:theme';

/** @returns {'light' | 'dark'} what is shown now */
function shown() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** @returns {HTMLButtonElement} */
export function themeToggle() {
  const button = h('button.icon-button', {
    type: 'button',
    'data-testid': 'theme-toggle',
    onclick: () => {
      const next = shown() === 'dark' ? 'light' : 'dark';
      document.documentElement.dataset.theme = next;
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // Then the choice lasts as long as the page.
      }
      draw();
    },
  });
  const draw = () => {
    const other = shown() === 'dark' ? 'light' : 'dark';
    button.replaceChildren(icon(other === 'dark' ? 'moon' : 'sun'));
    button.setAttribute('aria-label', `Use ${other} colours`);
    button.title = `Use ${other} colours`;
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  addEventListener('storage', (event) => {
    if (event.key !== KEY) return;
    if (event.newValue === 'light' || event.newValue === 'dark') document.documentElement.dataset.theme = event.newValue;
    draw();
  });
  draw();
  return button;
}
