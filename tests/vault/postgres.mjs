// A PostgreSQL of the test's own, which asks everybody for a password.
//
//   const postgres = await startPostgres();
//   await postgres.ask('SELECT 1')                       as its superuser; one value a line
//   await postgres.as(user, password, 'SELECT current_user')
//   await postgres.stop(); await postgres.start();       its data stays
import { execFile, execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, start as begin } from '../conformance/processes.mjs';
import { until } from '../spire/spire.mjs';

const run = promisify(execFile);
const ROOT = '/usr/lib/postgresql';
const program = (name) => path.join(ROOT, fs.readdirSync(ROOT).sort((a, b) => b - a)[0], 'bin', name);

// PostgreSQL refuses to serve as root.
const root = process.getuid() === 0;
const unprivileged = (command, args) => (root ? ['runuser', ['-u', 'postgres', '--', command, ...args]] : [command, args]);

export async function startPostgres() {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-pg-'));
  const password = crypto.randomBytes(18).toString('base64url');
  const data = path.join(place, 'data');
  fs.writeFileSync(path.join(place, 'password'), password);
  if (root) execFileSync('chown', ['-R', 'postgres', place]);
  const init = ['-D', data, '-A', 'scram-sha-256', '-U', 'postgres', `--pwfile=${path.join(place, 'password')}`, '--no-sync', '--locale=C', '-E', 'UTF8'];
  await run(...unprivileged(program('initdb'), init), { cwd: '/' });
  const port = await freePort();
  const log = path.join(place, 'log');
  const as = async (user, secret, sql) => {
    const args = ['-h', '127.0.0.1', '-p', String(port), '-U', user, '-d', 'postgres', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', sql];
    const { stdout } = await run(program('psql'), args, { cwd: '/', env: { PATH: process.env.PATH, PGPASSWORD: secret, PGCONNECT_TIMEOUT: '5' } });
    return stdout.split('\n').filter(Boolean);
  };
  const ask = (sql) => as('postgres', password, sql);
  let child;
  const start = async () => {
    const args = ['-D', data, '-p', port, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off'].map(String);
    child = begin(...unprivileged(program('postgres'), args), { cwd: '/', log });
    await until('PostgreSQL answers', () => ask('SELECT 1'), 30000);
  };
  await start();
  return {
    port,
    password,
    ask,
    as,
    start,
    // Roles that a vault has made.
    roles: () => ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY 1"),
    // Whoever is connected is cut off.
    async stop() {
      const pid = Number(fs.readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
      process.kill(pid, 'SIGINT');
      await child.done;
    },
    remove: () => fs.rmSync(place, { recursive: true, force: true }),
  };
}
