// Who is behind an id: sessions and events carry ids only. Names are asked for once and kept while the page
// is open.

/** @typedef {import('./api.js').Api} Api */

/**
 * @param {Api} api
 */
export function makeNames(api) {
  /** @type {Map<string, string>} */
  const known = new Map();
  /** @type {Map<string, Promise<void>>} */
  const asked = new Map();

  return {
    /** @param {string | null | undefined} id */
    of: (id) => (id ? (known.get(id) ?? 'Somebody') : 'Somebody'),
    /**
     * @param {string} id
     * @param {string} name
     */
    learn: (id, name) => void known.set(id, name),
    /**
     * Events about people carry the name, also of those who are gone by now and can't be asked about.
     *
     * @param {import('../shared/types.js').LogEvent} event
     */
    hear({ type, data }) {
      if (type.startsWith('user.') && data.user_id && data.username) known.set(data.user_id, data.username);
    },
    /**
     * @param {Iterable<string | null | undefined>} ids
     * @returns {Promise<void>} when all that can be known is known
     */
    async look(ids) {
      await Promise.all(
        [...new Set(ids)].map((id) => {
          if (!id || known.has(id)) return undefined;
          const answer =
            asked.get(id) ??
            api('GET', `/v1/users/${id}`).then(
              (user) => void known.set(id, user.username),
              () => undefined,
            );
          asked.set(id, answer);
          return answer;
        }),
      );
    },
  };
}
/** @typedef {ReturnType<typeof makeNames>} Names */
