// Calls to the server: an answer's body, or its problem thrown. Nothing else knows about statuses.

/** @typedef {import('../shared/types.js').Session} Session */
/**
 * @template T
 * @typedef {import('../shared/types.js').Page<T>} Page
 */
/** @typedef {(method: string, path: string, body?: unknown) => Promise<any>} Api */

/**
 * @param {Session} session
 * @returns {Api}
 */
export function makeApi(session) {
  return async (method, path, body) => {
    const init = body === undefined ? { method } : { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await session.fetch(path, init);
    const text = await answer.text();
    const value = text ? JSON.parse(text) : {};
    if (!answer.ok) throw value;
    return value;
  };
}

/**
 * A path with its query; what is empty is left out.
 *
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} query
 */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}
