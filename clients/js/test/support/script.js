/**
 * A server that does what a test tells it, for what the real one can't be brought to: chosen close codes,
 * silence, nonsense, answers that loop. It knows just enough of the contract to let a client in.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';

import { WebSocketServer } from 'ws';

export async function startScript(t, { expiresIn = 300, heartbeatSeconds = 60, welcome = true, answers = {} } = {}) {
  const script = { sockets: [], requests: [], rotation: 0, expiresIn, welcome, answers, url: '', heartbeatSeconds };
  const http = createServer((request, response) => void answer(script, request, response));
  const server = new WebSocketServer({ server: http });
  const waiting = [];
  server.on('connection', (socket) => {
    socket.heard = [];
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      socket.heard.push(message);
      if (message.type === 'auth' && script.welcome) socket.send(JSON.stringify(welcomeOf(script)));
      if (message.type === 'ping' && !script.mute) socket.send('{"type":"pong"}');
      for (const waiter of [...waiting]) waiter();
    });
    script.sockets.push(socket);
    for (const waiter of [...waiting]) waiter();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  script.url = `http://127.0.0.1:${http.address().port}`;
  /** Resolves when this is so; looked at whenever something came in. */
  script.until = (holds) =>
    new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        waiting.splice(waiting.indexOf(look), 1);
        resolve();
      };
      waiting.push(look);
      look();
    });
  script.touched = () => waiting.slice().forEach((waiter) => waiter());
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    http.close();
    http.closeAllConnections();
  });
  return script;
}

export function grantOf(script) {
  const payload = Buffer.from(JSON.stringify({ as_of: 1 + script.rotation })).toString('base64url');
  return {
    session_id: 's1',
    access_token: `h.${payload}.${script.rotation}`,
    token_type: 'Bearer',
    expires_in: script.expiresIn,
    refresh_token: `r${script.rotation}`,
    user: { id: 'u1', username: 'ann', display_name: 'Ann', groups: ['staff'], permissions: ['home:read'] },
    device: { id: 'd1', name: 'Test', platform: 'desktop' },
  };
}

export const person = { username: 'ann', password: 'secret' };

function welcomeOf(script) {
  return {
    type: 'welcome',
    connection_id: 'c1',
    session_id: 's1',
    user_id: 'u1',
    device_id: 'd1',
    groups: ['staff'],
    permissions: ['home:read'],
    as_of: 1,
    token_expires_at: '2100-01-01T00:00:00Z',
    heartbeat_seconds: script.heartbeatSeconds,
  };
}

async function answer(script, request, response) {
  let body = '';
  for await (const chunk of request) body += chunk;
  const path = new URL(request.url, script.url).pathname;
  const seen = { method: request.method, path, headers: request.headers, body };
  script.requests.push(seen);
  script.touched();
  const [status, value] = (await script.answers[path]?.(seen)) ?? usual(script, path);
  script.touched();
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
  response.end(JSON.stringify(value));
}

function usual(script, path) {
  if (path === '/v1/sign-in') return [200, grantOf(script)];
  if (path === '/v1/token/refresh') {
    script.rotation += 1;
    return [200, grantOf(script)];
  }
  if (path === '/v1/sign-out') return [200, { seq: 1 }];
  return [404, { code: 'not_found', detail: 'no such thing' }];
}
