// Which device this page is, from its address: `/?as=phone&device_name=Phone&platform=ios` is a second one in
// the same browser. An address is anybody's to write, so what it says is cut to size.

/** @type {NonNullable<import('../shared/open-session.js').Device['platform']>[]} */
const PLATFORMS = ['web', 'ios', 'android', 'desktop', 'game', 'other'];

/**
 * @param {string} search
 * @returns {{ namespace: string, device: import('../shared/open-session.js').Device }}
 */
export function deviceFrom(search) {
  const given = new URLSearchParams(search);
  const namespace = (given.get('as') ?? '').replace(/[^a-z0-9-]/gi, '').slice(0, 32) || 'default';
  const name = (given.get('device_name') ?? '').replace(/\p{C}/gu, '').trim().slice(0, 60);
  const platform = PLATFORMS.find((known) => known === given.get('platform'));
  return {
    namespace,
    device: { ...(name && { name }), ...(platform && { platform }) },
  };
}
