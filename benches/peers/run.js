/**
 * Measures peers beside the server, one after the other: node run.js BENCH FOLDER [NAME…] [-- OPTION…]
 * BENCH is the program `sessionwire-bench`, which gets the options; `peers-NAME.md` in the folder says what came of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { TELL } from './peer.js';

const USAGE = 'usage: node run.js BENCH FOLDER [NAME…] [-- OPTION…]';
/** Of the same length as the server's own, and of the same members. */
const NOTICE = JSON.stringify({
  type: 'notice',
  id: 15001,
  level: 'info',
  title: 'Maintenance',
  body: 'The reports are read-only from 10 to 11.',
  at: '2026-01-01T00:00:00.000Z',
});

const words = process.argv.slice(2);
const end = words.includes('--') ? words.indexOf('--') : words.length;
const [program, folder, ...wanted] = words.slice(0, end);
const options = words.slice(end + 1);
if (!program || !folder) {
  console.error(USAGE);
  process.exit(2);
}

/**
 * How each is started, where its sockets are, and what its clients have to know.
 * @type {Record<string, { command: string[], path: string, more?: string[] }>}
 */
const PEERS = {
  // The floor that the benchmark brings: what the others are to be compared with besides.
  loop: { command: [program, 'floor-epoll'], path: '/' },
  ws: { command: [process.execPath, script('ws.js')], path: '/' },
  socketio: {
    command: [process.execPath, script('socketio.js')],
    path: '/socket.io/?EIO=4&transport=websocket',
    // Long enough at rest that everybody is asked once whether it is there, which happens every 25 s.
    more: ['--vs-first-message', '40', '--vs-welcome', '40', '--vs-sign-of-life', '2=3', '--quiet', '30'],
  },
};

/** @param {string} name */
function script(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** @param {string} name */
async function measure(name) {
  const { command, path, more = [] } = PEERS[name];
  const [file, ...parameters] = command;
  const peer = spawn(file, parameters, { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const [line] = await once(createInterface(peer.stdout), 'line');
    const address = JSON.parse(line);
    const target = ['--vs', `ws://${address}${path}`, '--vs-trigger', `POST http://${address}${TELL} ${NOTICE}`];
    const about = ['--vs-name', name, '--vs-pid', String(peer.pid)];
    const report = ['--report', join(folder, `peers-${name}.md`)];
    const bench = spawn(program, ['--only', 'versus', ...target, ...about, ...more, ...report, ...options], { stdio: 'inherit' });
    const [code] = await once(bench, 'exit');
    if (code !== 0) throw new Error(`${name}: no figures`);
  } finally {
    peer.kill();
  }
}

const names = wanted.length > 0 ? wanted : Object.keys(PEERS);
const unknown = names.find((name) => !(name in PEERS));
if (unknown !== undefined) {
  console.error(`${USAGE}\nno peer is called ${unknown}; there are ${Object.keys(PEERS).join(', ')}`);
  process.exit(2);
}
for (const name of names) {
  console.error(`beside ${name}`);
  await measure(name);
}
