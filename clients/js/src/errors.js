/**
 * Errors: what a call of this package can throw, in one class with a stable code. It may not know
 * which call went wrong, nor what the caller makes of it.
 */

/**
 * A call that failed. `code` is the server's (see its documentation) or one of this package's:
 * `network_error`, `timeout`, `bad_answer`, `not_signed_in`, `sign_in_discarded`, `closed`.
 */
export class SessionwireError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number, retryAfterMs?: number, details?: Record<string, unknown>, cause?: unknown }} [more]
   */
  constructor(code, message, more = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'SessionwireError';
    /** What programs act on. */
    this.code = code;
    /** The HTTP status; 0 where no answer came. */
    this.status = more.status ?? 0;
    /** How long the server asks to wait, where it does. @type {number | undefined} */
    this.retryAfterMs = more.retryAfterMs;
    /** The server's whole answer. @type {Readonly<Record<string, unknown>>} */
    this.details = Object.freeze({ ...more.details });
  }
}

/**
 * @param {unknown} error
 * @param {string} [code] Only an error with this code.
 * @returns {error is SessionwireError}
 */
export function isSessionwireError(error, code) {
  return error instanceof SessionwireError && (code === undefined || error.code === code);
}

/** What was asked for is over because `session.close()` was called. */
export function closedError() {
  return new SessionwireError('closed', 'The session object was closed.');
}
