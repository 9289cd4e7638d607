/**
 * Waking: notices that the machine slept, that the network came or went, that the page is looked at
 * again. It may not know what follows from it.
 */

const TICK_MS = 15_000;
/** Hidden pages get their timers once a minute; that much lateness is no sleep. */
const SLEPT_MS = 75_000;

/**
 * @param {import('./platform.js').Platform} platform
 * @param {import('./time.js').Time} time
 * @param {{ woke: () => void, shown: () => void, online: () => void, offline: () => void }} on
 * @returns {{ close(): void }}
 */
export function watchWaking(platform, time, on) {
  const { document, window } = platform;
  let tickedAt = time.now();
  let timer = time.after(tick, TICK_MS);

  function tick() {
    const late = time.now() - tickedAt - TICK_MS;
    tickedAt = time.now();
    timer = time.after(tick, TICK_MS);
    if (late > SLEPT_MS) on.woke();
  }
  const visible = () => {
    if (document?.visibilityState === 'visible') on.shown();
  };
  /** @type {[import('./platform.js').EventSource | undefined, string, (event: any) => void][]} */
  const listeners = [
    [window, 'online', () => on.online()],
    [window, 'offline', () => on.offline()],
    // A page from the back-forward cache has missed everything meanwhile.
    [window, 'pageshow', (event) => event.persisted && on.shown()],
    [document, 'visibilitychange', visible],
  ];
  for (const [target, name, listener] of listeners) target?.addEventListener(name, listener);
  return {
    close() {
      timer.cancel();
      for (const [target, name, listener] of listeners) target?.removeEventListener(name, listener);
    },
  };
}
