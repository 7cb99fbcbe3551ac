// Child processes of a test: each in a group of its own, ended by that group's id and no other way.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const running = new Set();

export function start(command, args, { env = {}, cwd, log }) {
  const file = fs.openSync(log, 'a');
  const child = spawn(command, args.map(String), { cwd, env: { ...process.env, ...env }, stdio: ['ignore', file, file], detached: true });
  fs.closeSync(file);
  child.log = log;
  child.done = new Promise((resolve) => {
    child.on('exit', resolve);
    child.on('error', (error) => { fs.appendFileSync(log, String(error)); resolve(-1); });
  });
  running.add(child);
  child.done.then(() => running.delete(child));
  return child;
}

const signal = (child, name) => { try { process.kill(-child.pid, name); } catch { /* it has ended */ } };

export async function stop(child) {
  if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
  signal(child, 'SIGTERM');
  if (await Promise.race([child.done.then(() => true), sleep(3000)])) return;
  signal(child, 'SIGKILL');
  await child.done;
}

export const stopAll = () => Promise.all([...running].map(stop));
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, async () => { await stopAll(); process.exit(2); });

export const freePort = () => new Promise((resolve, reject) => {
  const server = net.createServer();
  server.on('error', reject);
  server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

// Any HTTP answer counts; `ok` asks for 200.
export async function waitHttp(url, child, { ok = false, ms = 60000 } = {}) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`${url}: its process ended with ${child.exitCode}\n${fs.readFileSync(child.log, 'utf8').slice(-2000)}`);
    const status = await new Promise((resolve) => {
      const request = http.request(url, { method: ok ? 'GET' : 'OPTIONS', timeout: 1000 }, (answer) => { answer.resume(); resolve(answer.statusCode); });
      request.on('error', () => resolve(0));
      request.on('timeout', () => { request.destroy(); resolve(0); });
      request.end();
    });
    if (ok ? status === 200 : status) return;
    await sleep(50);
  }
  throw new Error(`${url} did not answer within ${ms} ms`);
}
