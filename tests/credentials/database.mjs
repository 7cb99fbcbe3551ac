// A PostgreSQL of our own: started for a case, stopped with it, started again where a case wants that.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, start } from '../conformance/processes.mjs';
import { until } from './gateway.mjs';

const ROOT = '/usr/lib/postgresql';
const SUPER = 'super super super';

// PostgreSQL refuses to be run by root.
const asOther = (command, args) => (process.getuid() === 0 ? ['runuser', ['-u', 'postgres', '--', command, ...args]] : [command, args]);
const program = (name) => path.join(ROOT, fs.readdirSync(ROOT).sort((a, b) => b - a)[0], 'bin', name);

export async function startPostgres(folder, setup) {
  const place = path.join(folder, 'postgres');
  fs.mkdirSync(place);
  if (process.getuid() === 0) execFileSync('chown', ['postgres:', place]);
  const port = await freePort();
  const data = path.join(place, 'data');
  const password = path.join(folder, 'super');
  fs.writeFileSync(password, SUPER, { mode: 0o644 });
  const [command, args] = asOther(program('initdb'), ['-D', data, '-A', 'scram-sha-256', '-U', 'super', '--no-sync', `--pwfile=${password}`]);
  execFileSync(command, args, { stdio: 'ignore' });
  const log = path.join(folder, 'postgres.log');
  const server = { port, log };
  // What a statement says, as somebody; an error's text where it fails.
  server.as = (user, secret, sql, database = 'ledger') => {
    const args = ['-h', '127.0.0.1', '-p', port, '-U', user, '-d', database, '-v', 'ON_ERROR_STOP=1', '-tAc', sql].map(String);
    try {
      return execFileSync(program('psql'), args, { env: { ...process.env, PGPASSWORD: secret, PGCONNECT_TIMEOUT: '5' }, stdio: 'pipe' }).toString().trim();
    } catch (error) {
      throw new Error(String(error.stderr).trim());
    }
  };
  server.sql = (sql, database) => server.as('super', SUPER, sql, database);
  server.roles = () => server.sql("SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname LIKE 'hopgate%'").split(',').filter(Boolean);
  const ready = () => { try { return server.sql('SELECT 1', 'postgres') === '1'; } catch { return false; } };
  server.launch = async () => {
    const own = ['-D', data, '-p', port, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off', '-c', 'log_statement=all'];
    server.child = start(...asOther(program('postgres'), own), { log });
    await until('PostgreSQL is there', ready);
  };
  server.halt = async () => {
    process.kill(Number(fs.readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGINT');
    await server.child.done;
  };
  await server.launch();
  for (const [database, sql] of setup) server.sql(sql, database);
  return server;
}
