/**
 * Types that several modules share, and that applications see. No code.
 */

/**
 * What an access token says, in its own names. Frozen: several requests share it. Times are seconds since
 * the Unix epoch.
 * @typedef {object} Claims
 * @property {string} iss
 * @property {string} sub The user.
 * @property {string} aud
 * @property {string} client_id
 * @property {number} iat
 * @property {number} exp
 * @property {string} jti
 * @property {string} sid The session.
 * @property {string} device_id
 * @property {number} auth_time When the person proved who they are.
 * @property {readonly string[]} groups
 * @property {readonly string[]} permissions
 * @property {number} as_of How much of the server's log the token has seen.
 * @property {number} fence The position at which the session began; of two sessions of a user the later has the higher.
 * @property {string} [kid] The key that vouches for all this: from the token's header, no claim. None where the server was asked.
 */

/**
 * What happens to good tokens while the guard has not heard from the server for longer than `maxFeedLagMs`.
 * Tokens that it knows to be bad are refused whatever is chosen.
 * @typedef {'refuse' | 'introspect' | 'accept'} Behind
 */

/**
 * What one route needs.
 * @typedef {object} Route
 * @property {string} [requires] A permission that the token must list.
 * @property {Behind} [behind] Left out: the guard's.
 * @property {string} [what] What the token is used for (`GET /reports`), for reports of late use.
 */

/**
 * What of a request is looked at for a token.
 * @typedef {object} RequestLike
 * @property {Record<string, string | string[] | undefined>} headers
 * @property {readonly string[]} [rawHeaders]
 */
/**
 * @template Request
 * @typedef {(request: Request) => string | null | undefined} TokenSource
 */

/**
 * One change of the feed; `docs/feed.md` of the server says what each kind means.
 * @typedef {object} Change
 * @property {'session_ended' | 'user_ended' | 'everybody_ended' | 'user_rights_changed' | 'group_rights_changed' | 'signing_key_retired'} kind
 * @property {number} seq
 * @property {number} keep_until
 * @property {number} [age_ms]
 * @property {string} [session_id]
 * @property {string} [user_id]
 * @property {string} [group]
 * @property {string} [kid]
 * @property {string} [reason]
 */

/**
 * Why an unexpired token does not hold. `invalid`: the key that vouches for it is trusted no more.
 * @typedef {object} Verdict
 * @property {'invalid' | 'ended' | 'stale'} kind
 * @property {number} seq The position of the event that did it.
 * @property {string} reason Empty where it did not end.
 */

/** @typedef {{ readonly code: string, readonly message: string }} Report */

/**
 * @typedef {{
 *   change: { readonly seq: number, readonly changes: readonly Change[] },
 *   snapshot: { readonly seq: number },
 *   lag: { readonly lagMs: number },
 *   insync: { readonly seq: number },
 *   error: Report,
 * }} Events
 */

/**
 * @typedef {object} Options
 * @property {string} url The server: `https://sessions.example`.
 * @property {string} apiKey With the scope `feed`, and for `introspect` and `issuers` also `verify`.
 * @property {string} issuer `iss` of good tokens.
 * @property {string} audience `aud` of good tokens.
 * @property {readonly string[]} [issuers] The `iss` of other issuers whose tokens the server takes as they are (`use = "attach"`). The server is asked about such a token once, and from then on the feed decides; without them they are refused.
 * @property {number} [maxFeedLagMs] How old the guard's knowledge may be; 2000.
 * @property {Behind} [behind] What happens past it; `refuse`.
 * @property {number} [cacheSize] Verified tokens that are remembered; 10,000.
 * @property {number} [indexSizeMax] Entries that the index may have; 1,000,000. Past it the guard can't decide.
 * @property {number} [leewayS] Seconds that a token is taken after its expiry; 0.
 * @property {import('node:http').Agent} [agent] For a proxy or a certificate authority of your own; left alone by `close()`.
 * @property {{ clock?: import('./time.js').Clock, http?: import('./http.js').Http }} [internals] For tests.
 */

export {};
