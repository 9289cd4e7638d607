/**
 * Requests to the server, each within bounds of time and size. Redirects are not followed: a key goes where
 * its owner said. It may not know what is asked.
 *
 * `node:http` and an agent of its own rather than `fetch`: `close()` has to leave no connection behind, and
 * a connection of the feed has to be cut at once.
 */

import { Agent as PlainAgent, request as plain } from 'node:http';
import { Agent as TlsAgent, request as tls } from 'node:https';

/** Connections at once: the feed, fifty questions of each kind and a few others. */
const CONNECTIONS_MAX = 128;

/** @typedef {import('node:http').IncomingMessage} IncomingMessage */
/**
 * @typedef {object} Call
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {string} [body]
 * @property {boolean} [withKey]
 * @property {number} timeoutMs
 */
/** @typedef {{ status: number, text: string }} Answer */

/** The server can't be reached, or takes too long, or says too much. */
export class HttpError extends Error {}

export class Http {
  #url;
  #key;
  #agent;
  #isOwn;
  /** @type {Set<import('node:http').ClientRequest>} */
  #running = new Set();
  #isClosed = false;

  /** @param {{ url: URL, apiKey: string, agent?: import('node:http').Agent }} settings */
  constructor({ url, apiKey, agent }) {
    this.#url = url;
    this.#key = `Bearer ${apiKey}`;
    const Agent = url.protocol === 'https:' ? TlsAgent : PlainAgent;
    this.#isOwn = !agent;
    this.#agent = agent ?? new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
  }

  /**
   * A request and its whole answer.
   * @param {string} path
   * @param {Call & { bytesMax: number }} call
   * @returns {Promise<Answer>}
   */
  async call(path, call) {
    const until = performance.now() + call.timeoutMs;
    const response = await this.open(path, call);
    const late = new HttpError('the answer took too long');
    const timer = setTimeout(() => response.destroy(late), Math.max(until - performance.now(), 0));
    try {
      const parts = [];
      let size = 0;
      for await (const part of response) {
        size += part.length;
        if (size > call.bytesMax) throw new HttpError('the answer is too long');
        parts.push(part);
      }
      return { status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') };
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * A request, and its answer as soon as it begins.
   * @param {string} path
   * @param {Call} call
   * @returns {Promise<IncomingMessage>}
   */
  async open(path, call) {
    try {
      return await this.#once(path, call);
    } catch (error) {
      // The server closed the kept connection just when it was used again.
      if (error instanceof Error && Reflect.get(error, 'isStaleConnection')) return this.#once(path, call);
      throw error;
    }
  }

  /** Kept connections may be as dead as the one that just fell silent. */
  forgetIdle() {
    if (!this.#isOwn) return;
    for (const sockets of Object.values(this.#agent.freeSockets)) sockets?.forEach((socket) => socket.destroy());
  }

  close() {
    this.#isClosed = true;
    for (const request of this.#running) request.destroy(new HttpError('closed'));
    if (this.#isOwn) this.#agent.destroy();
  }

  /** @param {string} path @param {Call} call @returns {Promise<IncomingMessage>} */
  #once(path, { method = 'GET', headers = {}, body, withKey = true, timeoutMs }) {
    if (this.#isClosed) return Promise.reject(new HttpError('closed'));
    const url = new URL(this.#url.href.replace(/\/+$/, '') + path);
    const request = (url.protocol === 'https:' ? tls : plain)(url, {
      method,
      agent: this.#agent,
      headers: {
        ...headers,
        ...(withKey && { authorization: this.#key }),
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      },
    });
    this.#running.add(request);
    request.once('close', () => this.#running.delete(request));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => request.destroy(new HttpError('no answer in time')), timeoutMs);
      request.on('response', (response) => {
        clearTimeout(timer);
        // Errors of the answer are for whoever reads it.
        response.on('error', () => {});
        resolve(response);
      });
      request.on('error', (error) => {
        clearTimeout(timer);
        const isStale = request.reusedSocket && Reflect.get(error, 'code') === 'ECONNRESET';
        reject(Object.assign(error instanceof HttpError ? error : new HttpError(error.message, { cause: error }), isStale && { isStaleConnection: true }));
      });
      request.end(body);
    });
  }
}
