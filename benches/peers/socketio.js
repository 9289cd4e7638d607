/** The peer Socket.IO: everybody in the main namespace over a WebSocket, as it comes. */
import { Server } from 'socket.io';

import { createPeer, listen } from './peer.js';

const server = createPeer((text) => {
  io.emit('notice', JSON.parse(text));
});
const io = new Server(server, { serveClient: false, transports: ['websocket'] });
listen(server);
