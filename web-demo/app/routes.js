// The pages, the permission that each needs, and where somebody lands: a pure function of the address and
// the rights that are drawn.

import { billing } from './pages/billing.js';
import { devices } from './pages/devices.js';
import { home } from './pages/home.js';
import { reports } from './pages/reports.js';
import { team } from './pages/team.js';

/** @typedef {import('../shared/types.js').Session} Session */
/** @typedef {{ permissions: readonly string[], groups: readonly string[] }} Rights what the page draws with */
/** @typedef {{ session: Session, rights: Rights, may(permission: string): boolean, say(title: string, body?: string): void }} Context */
/** @typedef {{ path: string, name: string, icon: string, needs: string | null, view: (context: Context) => Node }} Route */

/** @type {[Route, ...Route[]]} */
export const ROUTES = [
  { path: '#/', name: 'Home', icon: 'home', needs: null, view: home },
  { path: '#/reports', name: 'Reports', icon: 'reports', needs: 'reports:read', view: reports },
  { path: '#/billing', name: 'Billing', icon: 'billing', needs: 'billing:read', view: billing },
  { path: '#/team', name: 'Team', icon: 'team', needs: 'team:read', view: team },
  { path: '#/devices', name: 'My devices', icon: 'devices', needs: null, view: devices },
];

/**
 * @param {Route} route
 * @param {Rights} rights
 */
export const allowed = (route, rights) => route.needs === null || rights.permissions.includes(route.needs);

/**
 * @param {string} hash
 * @param {Rights} rights
 * @returns {{ route: Route, turnedAway: Route | null }} the page to show, and the one that was asked for in vain
 */
export function land(hash, rights) {
  const wanted = ROUTES.find(({ path }) => path === hash) ?? ROUTES[0];
  return allowed(wanted, rights) ? { route: wanted, turnedAway: null } : { route: ROUTES[0], turnedAway: wanted };
}
