/**
 * Tabs: short messages between the tabs of a profile, by BroadcastChannel, or by the storage event where
 * there is none. They carry no tokens. It may not know what a tab does when it hears one.
 */

/**
 * @typedef {{ kind: 'changed' }
 *   | { kind: 'ended', sessionId: string, ended: import('./types.js').Ended, byPerson: boolean }
 *   | { kind: 'activity', deviceId: string }} TabMessage
 */

/**
 * @param {string} name
 * @param {import('./platform.js').Platform} platform
 * @param {(message: TabMessage) => void} hear
 * @returns {{ say(message: TabMessage): void, close(): void }}
 */
export function openTabs(name, platform, hear) {
  if (platform.BroadcastChannel) return overChannel(new platform.BroadcastChannel(name), hear);
  if (platform.window) return overStorage(name, platform, platform.window, hear);
  return { say() {}, close() {} };
}

/**
 * @param {import('./platform.js').Channel} channel
 * @param {(message: TabMessage) => void} hear
 */
function overChannel(channel, hear) {
  let open = true;
  channel.onmessage = (event) => receive(event.data, hear);
  return {
    /** @param {TabMessage} message */
    say(message) {
      if (open) channel.postMessage(message);
    },
    close() {
      open = false;
      channel.onmessage = null;
      channel.close();
    },
  };
}

/**
 * @param {string} key
 * @param {import('./platform.js').Platform} platform
 * @param {import('./platform.js').EventSource} window
 * @param {(message: TabMessage) => void} hear
 */
function overStorage(key, platform, window, hear) {
  let count = 0;
  /** @param {any} event */
  const listener = (event) => {
    if (event.key !== key || !event.newValue) return;
    try {
      receive(JSON.parse(event.newValue).message, hear);
    } catch {
      // Somebody else's text under our key.
    }
  };
  window.addEventListener('storage', listener);
  return {
    /** @param {TabMessage} message */
    say(message) {
      try {
        // The same text twice would be no event.
        count += 1;
        platform.localStorage()?.setItem(key, JSON.stringify({ message, count, at: platform.uuid() }));
      } catch {
        // The shelf has reported a storage that fails.
      }
    },
    close: () => window.removeEventListener('storage', listener),
  };
}

/**
 * @param {any} message
 * @param {(message: TabMessage) => void} hear
 */
function receive(message, hear) {
  switch (message?.kind) {
    case 'changed':
      return hear({ kind: 'changed' });
    case 'activity':
      return hear({ kind: 'activity', deviceId: String(message.deviceId) });
    case 'ended': {
      const { sessionId, ended, byPerson } = message;
      if (typeof ended?.reason !== 'string' || typeof ended.message !== 'string') return undefined;
      return hear({ kind: 'ended', sessionId: String(sessionId), ended, byPerson: byPerson === true });
    }
    default:
      return undefined;
  }
}
