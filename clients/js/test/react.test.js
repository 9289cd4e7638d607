/** The React parts, with real React in a document. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { JSDOM } from 'jsdom';

const { window } = new JSDOM('<div id="root"></div>', { url: 'http://localhost/' });
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });
// Node has its own from version 21, and React is content with it.
globalThis.navigator ??= window.navigator;

const { act, createElement: h, StrictMode } = await import('react');
const { createRoot } = await import('react-dom/client');
const { renderToString } = await import('react-dom/server');
const { Require, SessionProvider, usePermission, useSession } = await import('../src/react.js');
const { platformOf } = await import('../src/platform.js');
const { heard, open, until } = await import('./support/client.js');
const { startDemo } = await import('./support/server.js');

// The document is for React; the session is Node's.
const internals = { platform: { ...platformOf(), document: undefined, window: undefined } };

function App() {
  const session = useSession();
  const reports = usePermission('reports:read');
  return h(
    'main',
    null,
    h('p', null, `${session.state} ${session.user?.username ?? 'nobody'} ${reports ? 'reports' : 'no reports'}`),
    h(Require, { permission: 'reports:read', fallback: h('i', null, 'not for you') }, h('b', null, 'the reports')),
  );
}

async function mounted(t) {
  const demo = await startDemo(t);
  const session = open(t, demo.url, { internals });
  const container = window.document.createElement('div');
  const root = createRoot(container);
  await act(async () => root.render(h(StrictMode, null, h(SessionProvider, { session }, h(App)))));
  t.after(() => act(async () => root.unmount()));
  const become = (action, holds) =>
    act(async () => {
      await action();
      await until(session, holds);
    });
  return { demo, session, container, root, become };
}

test('renders the session, and again when it has changed', async (t) => {
  const { demo, session, container, become } = await mounted(t);
  const anna = demo.users[0];
  assert.equal(container.textContent, 'ended nobody no reportsnot for you');
  await become(() => session.signIn(anna), () => session.state === 'live');
  assert.equal(container.textContent, 'live anna reportsthe reports');
  const analysts = demo.groups.find(({ name }) => name === 'analysts');
  await become(() => demo.api('DELETE', `/v1/groups/${analysts.id}/members/${anna.id}`), () => !session.can('reports:read'));
  assert.equal(container.textContent, 'live anna no reportsnot for you');
  const ended = heard(session, 'ended');
  await act(async () => {
    await demo.api('DELETE', `/v1/users/${anna.id}`);
    await ended;
  });
  assert.equal(container.textContent, 'ended nobody no reportsnot for you');
});

test('an unmounted tree listens no more', async (t) => {
  const { session, root } = await mounted(t);
  const { on } = session;
  let listening = 0;
  session.on = (name, listener) => {
    listening += 1;
    const off = on.call(session, name, listener);
    return () => {
      listening -= 1;
      off();
    };
  };
  await act(async () => root.render(h(SessionProvider, { session }, h('div', null, h(App)))));
  assert.ok(listening > 0);
  await act(async () => root.render(null));
  assert.equal(listening, 0);
});

test('renders on a server, and says what is missing', (t) => {
  const session = open(t, 'http://127.0.0.1:1', { internals });
  assert.match(renderToString(h(SessionProvider, { session }, h(App))), /ended nobody/);
  assert.throws(() => renderToString(h(App)), /SessionProvider/);
});
