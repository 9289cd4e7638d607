// The three frames: what each is, what it said last, and how to ask something of it. Messages are taken from
// our own origin and from these frames only.

import { h } from '../shared/h.js';
import { icon } from '../shared/icons.js';

/** @typedef {import('../shared/relay.js').Told} Told */
/** @typedef {'laptop' | 'phone' | 'console'} Name */
/** @typedef {{ name: Name, label: string, src: string, icon: string }} Part */

/** @type {Part[]} */
const PARTS = [
  { name: 'laptop', label: 'Laptop', src: '/?as=laptop&device_name=Laptop&platform=desktop', icon: 'laptop' },
  { name: 'phone', label: 'Phone', src: '/?as=phone&device_name=Phone&platform=ios', icon: 'phone' },
  { name: 'console', label: 'Console', src: '/admin', icon: 'overview' },
];
const STRUCK_MS = 1600;
const WAIT_MS = 10_000;

/**
 * @param {(label: string, told: Told) => void} onTold
 */
export function makeFrames(onTold) {
  const made = PARTS.map((part) => {
    const frame = h('iframe', { src: part.src, title: part.label, 'data-testid': `frame-${part.name}` });
    const state = h('span.status.offline', { 'data-testid': `state-${part.name}` }, 'opening');
    const element = h(
      'figure.frame',
      { class: `frame ${part.name}`, id: `panel-${part.name}` },
      h('figcaption', {}, h('strong', {}, icon(part.icon), part.label), state),
      h('div.screen', {}, frame),
    );
    return { ...part, frame, state, element, user: /** @type {string | null} */ (null) };
  });

  addEventListener('message', (event) => {
    if (event.origin !== location.origin || event.data?.kind !== 'sessionwire.stage') return;
    const from = made.find(({ frame }) => frame.contentWindow === event.source);
    if (!from) return;
    const told = /** @type {Told} */ (event.data);
    if (told.what === 'state') {
      from.user = told.user ?? '';
      from.state.textContent = told.text;
      from.state.classList.toggle('offline', !told.user);
    } else {
      strike(from.element, told.tone ?? 'calm');
    }
    onTold(from.label, told);
  });

  /** @param {Name} name */
  const find = (name) => /** @type {typeof made[number]} */ (made.find((part) => part.name === name));

  /**
   * @param {Name} name
   * @param {Record<string, unknown> & { ask: string }} asked
   */
  const ask = (name, asked) => find(name).frame.contentWindow?.postMessage({ kind: 'sessionwire.ask', ...asked }, location.origin);

  /**
   * @param {(name: Name) => boolean} met
   * @param {Name} name
   */
  const until = async (met, name) => {
    const end = performance.now() + WAIT_MS;
    while (!met(name)) {
      if (performance.now() > end) throw new Error(`${find(name).label} isn’t ready. Please look there.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  return {
    elements: made.map(({ element }) => element),
    names: made.map(({ name, label }) => ({ name, label })),
    ask,
    /**
     * @param {Name} name
     * @param {{ username: string, password: string }} account
     */
    async signIn(name, account) {
      await until(() => find(name).user !== null, name);
      if (find(name).user === account.username) return;
      ask(name, { ask: 'sign-in', username: account.username, password: account.password });
      await until(() => find(name).user === account.username, name);
    },
    /** @param {Name} name */
    show(name) {
      for (const part of made) part.element.classList.toggle('shown', part.name === name);
    },
  };
}
/** @typedef {ReturnType<typeof makeFrames>} Frames */

/** @type {WeakMap<Element, ReturnType<typeof setTimeout>>} */
const striking = new WeakMap();

/**
 * A frame lights up when something reaches it.
 *
 * @param {Element} element
 * @param {string} tone
 */
function strike(element, tone) {
  clearTimeout(striking.get(element));
  element.classList.remove('warn', 'bad');
  element.classList.add('struck');
  if (tone !== 'calm') element.classList.add(tone);
  striking.set(element, setTimeout(() => element.classList.remove('struck', 'warn', 'bad'), STRUCK_MS));
}
