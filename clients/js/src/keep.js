/**
 * The keep: which storage and which tabs go with the application's choice. It may not know what is stored.
 */

import { memoryStorage, Shelf, webStorage } from './storage.js';
import { openTabs } from './tabs.js';

/**
 * @typedef {object} Keep
 * @property {Shelf} records
 * @property {Shelf} devices
 * @property {boolean} shared Whether other tabs see the same.
 * @property {boolean} mayHoldSession Whether a session may be found there at first.
 * @property {ReturnType<typeof openTabs>} tabs
 */

/**
 * @param {import('./settings.js').Settings} settings
 * @param {(report: import('./types.js').Report) => void} report
 * @param {(message: import('./tabs.js').TabMessage) => void} hear
 * @returns {Keep}
 */
export function openKeep({ storage, namespace, time, platform }, report, hear) {
  if (storage === 'memory') {
    // A tab is a device: its id outlives a reload, its session doesn't.
    const devices = platform.document ? webStorage(platform.sessionStorage) : memoryStorage();
    return {
      records: new Shelf(memoryStorage(), time, report),
      devices: new Shelf(devices, time, report),
      shared: false,
      mayHoldSession: false,
      tabs: { say() {}, close() {} },
    };
  }
  const chosen = storage === 'local' ? webStorage(platform.localStorage) : storage;
  const shelf = new Shelf(chosen, time, report);
  const tabs = openTabs(`sessionwire:${namespace}`, platform, hear);
  return { records: shelf, devices: shelf, shared: true, mayHoldSession: true, tabs };
}
