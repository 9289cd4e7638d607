/**
 * React: a session as context, without a build step. Renders again when the session has changed. It may
 * not know anything that an application could not ask the session itself.
 */

import { createContext, createElement, useCallback, useContext, useSyncExternalStore } from 'react';

/** @typedef {import('./session.js').Session} Session */

const Context = createContext(/** @type {Session | null} */ (null));

/**
 * @param {{ session: Session, children?: import('react').ReactNode }} props
 * @returns {import('react').ReactElement}
 */
export function SessionProvider({ session, children }) {
  return createElement(Context.Provider, { value: session }, children);
}

/**
 * The session; the component renders again whenever it has changed.
 * @returns {Session}
 */
export function useSession() {
  const session = useContext(Context);
  if (!session) throw new Error('useSession needs a SessionProvider around it.');
  const subscribe = useCallback((/** @type {() => void} */ changed) => session.on('change', changed), [session]);
  const revision = () => session.revision;
  useSyncExternalStore(subscribe, revision, revision);
  return session;
}

/**
 * @param {string} permission
 * @returns {boolean}
 */
export function usePermission(permission) {
  return useSession().can(permission);
}

/**
 * Its children for whoever has the permission, else the fallback.
 * @param {{ permission: string, fallback?: import('react').ReactNode, children?: import('react').ReactNode }} props
 * @returns {import('react').ReactNode}
 */
export function Require({ permission, fallback = null, children }) {
  return usePermission(permission) ? children : fallback;
}
