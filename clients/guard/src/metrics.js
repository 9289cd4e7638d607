/**
 * What a guard counts, in Prometheus' text format. It may not know who reads it.
 */

/** Each counter: its family and its label. */
const COUNTERS = /** @type {const} */ ({
  good: ['checks', 'verdict="good"'],
  token_missing: ['checks', 'verdict="token_missing"'],
  token_invalid: ['checks', 'verdict="token_invalid"'],
  token_expired: ['checks', 'verdict="token_expired"'],
  session_ended: ['checks', 'verdict="session_ended"'],
  token_stale: ['checks', 'verdict="token_stale"'],
  forbidden: ['checks', 'verdict="forbidden"'],
  cannot_decide: ['checks', 'verdict="cannot_decide"'],
  cache_hits: ['cache', 'outcome="hit"'],
  cache_misses: ['cache', 'outcome="miss"'],
  fenced: ['fenced', ''],
  feed_messages: ['feed_messages', ''],
  feed_reconnects: ['feed_reconnects', ''],
  feed_resets: ['feed_resets', ''],
  gap: ['feed_faults', 'fault="gap"'],
  unreadable: ['feed_faults', 'fault="unreadable"'],
  too_large: ['feed_faults', 'fault="too_large"'],
  late_found: ['late_uses', 'state="found"'],
  late_reported: ['late_uses', 'state="reported"'],
  late_lost: ['late_uses', 'state="lost"'],
  uses_unremembered: ['uses_unremembered', ''],
  active: ['introspections', 'outcome="active"'],
  inactive: ['introspections', 'outcome="inactive"'],
  unanswered: ['introspections', 'outcome="unanswered"'],
  keys_fetched: ['key_fetches', 'outcome="done"'],
  keys_failed: ['key_fetches', 'outcome="failed"'],
  sockets_ended: ['sockets_closed', 'why="session_ended"'],
  sockets_stale: ['sockets_closed', 'why="token_stale"'],
  sockets_expired: ['sockets_closed', 'why="token_expired"'],
  sockets_behind: ['sockets_closed', 'why="cannot_decide"'],
  sockets_foreign: ['sockets_closed', 'why="token_invalid"'],
});

/** @typedef {keyof typeof COUNTERS} Counter */

export class Counts {
  /** @type {Record<Counter, number>} */
  values = /** @type {Record<Counter, number>} */ (Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, 0])));

  /** @param {Counter} counter @param {number} [by] */
  add(counter, by = 1) {
    this.values[counter] += by;
  }
}

/**
 * @param {Counts} counts
 * @param {Record<string, number>} gauges
 */
export function metricsText(counts, gauges) {
  const lines = [];
  let family = '';
  for (const [name, [ofFamily, label]] of Object.entries(COUNTERS)) {
    const whole = `sessionwire_guard_${ofFamily}_total`;
    if (ofFamily !== family) lines.push(`# TYPE ${whole} counter`);
    family = ofFamily;
    lines.push(`${whole}${label && `{${label}}`} ${counts.values[/** @type {Counter} */ (name)]}`);
  }
  for (const [name, value] of Object.entries(gauges)) {
    lines.push(`# TYPE sessionwire_guard_${name} gauge`, `sessionwire_guard_${name} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}
