// A real Redis, a copy of it that lags, and between it and each gateway a line that can be cut.
import { execFile, fork } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, sleep, start, stop } from '../conformance/processes.mjs';
import { redisUser } from './manifests.mjs';

const run = promisify(execFile);

// A server that keeps nothing on disk, and a user for gateways as the manifests make it.
export async function startRedis({ cache, folder }) {
  const place = fs.mkdtempSync(path.join(folder, 'redis-'));
  const password = crypto.randomBytes(24).toString('hex');
  const admin = crypto.randomBytes(24).toString('hex');
  const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');
  const users = path.join(place, 'users.acl');
  fs.writeFileSync(users, (await redisUser(cache, sha256(password))).replace('user default off', `user default off\nuser operator on #${sha256(admin)} ~* &* +@all`));
  const file = path.join(place, 'password');
  fs.writeFileSync(file, password);

  async function server(more = []) {
    const port = await freePort();
    const own = fs.mkdtempSync(path.join(place, 'server-'));
    const config = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', own, '--aclfile', users, '--maxmemory-policy', 'noeviction', ...more];
    let child;
    const cli = async (...args) => (await run('redis-cli', ['-p', String(port), '--user', 'operator', '--no-auth-warning', '-a', admin, ...args])).stdout.trim();
    const one = {
      port,
      cli,
      async begin() {
        child = start('redis-server', config, { log: path.join(own, 'log') });
        for (const end = Date.now() + 10000; (await cli('PING').catch(() => '')) !== 'PONG'; await sleep(20)) {
          if (Date.now() > end) throw new Error(`Redis does not answer: ${fs.readFileSync(path.join(own, 'log'), 'utf8').slice(-500)}`);
        }
      },
      signal: (name) => process.kill(child.pid, name),
      async kill() { process.kill(child.pid, 'SIGKILL'); await child.done; },
      alive: () => child.exitCode === null && child.signalCode === null,
      stop: () => stop(child),
    };
    await one.begin();
    return one;
  }

  const first = await server();
  return {
    ...first,
    username: 'hopgate',
    passwordFile: file,
    // Another server that follows the first.
    copy: () => server(['--replicaof', '127.0.0.1', first.port, '--masteruser', 'operator', '--masterauth', admin]),
  };
}

// A line from a port of its own to `to`, a port: it can be cut, so that nothing passes and nobody is told, and moved. A
// process of its own, so that what the tests do is not what makes it slow.
export async function startLine(to) {
  const child = fork(path.join(import.meta.dirname, 'line.mjs'), [String(to)]);
  const port = await new Promise((resolve, reject) => { child.once('message', resolve); child.once('exit', () => reject(new Error('no line'))); });
  const tell = (message) => new Promise((resolve) => { child.once('message', resolve); child.send(message); });
  return {
    port,
    // Packets are lost from now on, as in a network that is parted; connections stay.
    cut: () => tell({ cut: true }),
    // What was lost stays lost: connections that missed something are reset.
    mend: () => tell({ cut: false }),
    // Whoever comes next, comes to another server.
    move: (port) => tell({ to: port }),
    close: () => child.kill(),
  };
}
