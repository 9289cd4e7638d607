/** A demo of Sessionwire on a free port. It may not know what it is for. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const repository = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * @typedef {object} Demo What `sessionwire demo --json` says, and an end.
 * @property {string} url
 * @property {string} api_key
 * @property {{ username: string, password: string }} admin
 * @property {{ id: string, username: string, password: string, groups: string[] }[]} users
 * @property {{ id: string, name: string, permissions: string[] }[]} groups
 * @property {() => void} stop
 */

/**
 * @param {Record<string, string>} [settings]
 * @returns {Promise<Demo>}
 */
export async function startDemo(settings = {}) {
  const program = process.env.SERVER_PROGRAM;
  const [command, ...first] = program ? [program] : ['cargo', 'run', '--release', '--quiet', '--'];
  const child = spawn(command, [...first, 'demo', '--json', '--listen', '127.0.0.1:0'], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SESSIONWIRE_LOG_LEVEL: 'warn', ...settings },
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), once(child, 'exit')]);
  if (typeof line[0] !== 'string') throw new Error('the demo did not start');
  return { ...JSON.parse(line[0]), stop: () => child.kill('SIGKILL') };
}
