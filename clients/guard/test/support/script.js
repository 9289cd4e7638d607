/**
 * A server that does what a test tells it, for what the real one can't be brought to: nonsense, silence, gaps,
 * forged keys. It knows just enough of HTTP to be asked.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';

/**
 * @param {import('node:test').TestContext} t
 * @param {{ jwks?: object, feed?: (turn: number, response: import('node:http').ServerResponse, request: object) => void, answers?: Record<string, Function> }} script
 */
export async function startScript(t, { jwks = { keys: [] }, feed = () => {}, answers = {} }) {
  const script = { url: '', jwks, feed, answers, requests: [], feeds: [] };
  const waiting = new Set();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const path = request.url.split('?')[0];
    const seen = { path, method: request.method, headers: request.headers, body };
    script.requests.push(seen);
    // Whoever waits sees the request before it is answered.
    for (const look of waiting) look();
    if (script.answers[path]) return script.answers[path](seen, response);
    if (path === '/.well-known/jwks.json') return json(response, 200, script.jwks);
    if (path !== '/v1/feed') return json(response, path === '/v1/feed/acks' ? 204 : 404);
    script.feeds.push(seen);
    for (const look of waiting) look();
    return script.feed(script.feeds.length, response, seen);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  script.url = `http://127.0.0.1:${server.address().port}`;
  /** Resolves when this is so; looked at whenever a request comes in. */
  script.until = (holds) =>
    new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return script;
}

export function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

/** Begins the answer of a feed. */
export function beginFeed(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
}

/** Sends messages of a feed. */
export function tell(response, ...messages) {
  for (const { event, data = {} } of messages) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

export const hello = (head, heartbeatMs = 1000) => ({
  event: 'hello',
  data: { reader: '0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7a10', head, heartbeat_ms: heartbeatMs },
});
export const snapshot = (seq, changes = [], more = false) => ({ event: 'snapshot', data: { seq, changes, more } });
export const changes = (after, seq, list = [], head = seq) => ({ event: 'changes', data: { after, seq, head, changes: list } });
