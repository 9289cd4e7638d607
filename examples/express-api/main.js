/**
 * An API in Express behind Sessionwire: tokens are checked in memory, and a revocation is known here
 * milliseconds after it happened.
 *
 * `node examples/start.js express-api` starts it beside a demo. By itself it wants SERVER_URL, API_KEY (scope
 * `feed`), and PORT.
 */

import express from 'express';
import { createGuard } from 'sessionwire-guard';

const { SERVER_URL: url, API_KEY: apiKey, PORT: port = '8081' } = process.env;
const guard = createGuard({ url, apiKey, issuer: url, audience: 'sessionwire' });
await guard.ready;

const app = express();
app.get('/me', guard.express(), (request, response) => {
  response.json({ user: request.auth.sub, groups: request.auth.groups });
});
app.get('/reports', guard.express({ requires: 'reports:read' }), (request, response) => {
  response.json({ reports: ['January', 'February'], for: request.auth.sub });
});
app.get('/metrics', (_, response) => {
  response.type('text/plain').send(guard.metrics());
});

const server = app.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
