/** The peer `ws`: the WebSocket library of Node by itself, as it comes. */
import { WebSocketServer } from 'ws';

import { createPeer, listen } from './peer.js';

const server = createPeer((text) => {
  for (const client of sockets.clients) client.send(text);
});
const sockets = new WebSocketServer({ server });
listen(server);
