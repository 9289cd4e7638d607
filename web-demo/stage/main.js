// The stage: a laptop, a phone and the console in one page, each a real session of its own, so that cause and
// effect are seen together.

import { h } from '../shared/h.js';
import { mark } from '../shared/icons.js';
import { themeToggle } from '../shared/theme.js';
import { makeFrames } from './frames.js';
import { makeGuide } from './guide.js';
import { makeTimeline } from './timeline.js';

/** @typedef {import('./frames.js').Name} Name */

const timeline = makeTimeline();
const frames = makeFrames((who, { what, text, at, tone }) => {
  if (what !== 'state') timeline.add({ who, what, text, at, tone: tone ?? 'calm' });
});
const problem = h('p.message.warning', { role: 'alert', hidden: true, 'data-testid': 'stage-problem' });

/** @param {string} text */
function fail(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

/** Tabs for where three frames don't fit beside each other; arrow keys go from one to the next. */
function makeTabs() {
  /** @param {Name} name */
  const show = (name) => {
    frames.show(name);
    for (const tab of tabs) {
      const on = tab.dataset.name === name;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
    }
  };
  const tabs = frames.names.map(({ name, label }) =>
    h('button.button.small', { type: 'button', role: 'tab', 'data-name': name, 'data-testid': `tab-${name}`, 'aria-controls': `panel-${name}`, onclick: () => show(name) }, label),
  );
  const element = h(
    'div.tabs',
    {
      role: 'tablist',
      'aria-label': 'Frames',
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
        if (!step) return;
        const at = tabs.findIndex((tab) => tab.tabIndex === 0);
        const next = tabs[(at + step + tabs.length) % tabs.length];
        next?.click();
        next?.focus();
      },
    },
    tabs,
  );
  show('laptop');
  return { element, show };
}

const tabs = makeTabs();
const demo = await fetch('/demo.json').then(
  (answer) => (answer.status === 200 ? answer.json() : null),
  () => null,
);
const guide = demo ? makeGuide({ ...frames, show: tabs.show }, demo, fail) : null;

document.getElementById('root')?.replaceChildren(
  h(
    'div.stage',
    { 'data-testid': 'stage' },
    h('header', {}, h('a.brand', { href: '/' }, mark(), h('span', {}, 'Sessionwire ', h('span.quiet', {}, 'stage'))), h('span.push'), themeToggle()),
    h(
      'main',
      { id: 'main' },
      h(
        'div.intro',
        {},
        h('div.stack', {}, h('h1', {}, 'See it arrive'), h('p', {}, 'A laptop, a phone and the administrators’ console, side by side. Three real sessions; what you do in one, the others hear.')),
        guide?.begin ?? null,
      ),
      guide?.list ?? h('p.message', {}, 'Sign in by hand in each frame, then change somebody in the console.'),
      problem,
      h('div.stack', {}, tabs.element, h('div.frames', {}, frames.elements)),
      timeline.element,
    ),
  ),
);
