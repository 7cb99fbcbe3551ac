#!/usr/bin/env node
// Real clients through the real gateway against real servers.
//
//   run.mjs --binary target/debug/hopgate [--only typescript|python|rmcp]
//   run.mjs --direct                         the same clients without a gateway: do the tests themselves hold?
//
// Each client prints "PASS name" or "FAIL name: why". One that asks for "RESTART" gets a restarted gateway and "DONE" on its stdin.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CACHE, startGateway, startServer } from '../conformance/peers.mjs';
import { stop, stopAll } from '../conformance/processes.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, direct: { type: 'boolean' } } });
const HERE = path.dirname(fileURLToPath(import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR || path.join(CACHE, 'clients-target');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-clients-'));
const MANIFEST = path.join(HERE, 'rmcp/Cargo.toml');

const CLIENTS = {
  'typescript-v1': [process.execPath, [path.join(HERE, 'typescript.mjs'), 'v1', 'legacy']],
  'typescript-v2-legacy': [process.execPath, [path.join(HERE, 'typescript.mjs'), 'v2', 'legacy']],
  'typescript-v2-modern': [process.execPath, [path.join(HERE, 'typescript.mjs'), 'v2', 'modern']],
  'python-legacy': [path.join(CACHE, 'venv/bin/python'), [path.join(HERE, 'python.py'), 'legacy']],
  'python-modern': [path.join(CACHE, 'venv/bin/python'), [path.join(HERE, 'python.py'), 'modern']],
  'rmcp-legacy': [path.join(TARGET, 'debug/hopgate-rmcp'), ['legacy']],
  'rmcp-modern': [path.join(TARGET, 'debug/hopgate-rmcp'), ['modern']],
};

async function build() {
  const child = spawn('cargo', ['build', '--quiet', '--locked', '--manifest-path', MANIFEST], { stdio: 'inherit', env: { ...process.env, CARGO_TARGET_DIR: TARGET } });
  const code = await new Promise((resolve) => { child.on('exit', resolve); child.on('error', () => resolve(-1)); });
  if (code !== 0) throw new Error(`the rmcp client does not build (${code})`);
}

async function play(name, upstreams) {
  const began = Date.now();
  const [command, args] = CLIENTS[name];
  let gateway = options.direct ? null : await startGateway(path.resolve(options.binary), upstreams, folder, name);
  const url = (server) => (gateway ? gateway.url(server) : upstreams[server]);
  const child = spawn(command, [...args, url('ts'), url('py'), url('everything')], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, HOPGATE_CACHE: CACHE } });
  let said = '';
  child.stderr.on('data', (data) => { said += data; });
  const counts = { PASS: 0, FAIL: 0 };
  const lines = readline.createInterface({ input: child.stdout });
  lines.on('line', async (line) => {
    if (line === 'RESTART') {
      if (gateway) {
        await stop(gateway.child);
        gateway = await startGateway(path.resolve(options.binary), upstreams, folder, name, gateway.place);
      }
      child.stdin.write('DONE\n');
      return;
    }
    const word = line.split(' ')[0];
    if (word in counts) counts[word] += 1;
    if (word === 'FAIL') console.log(`  ${name}: ${line}`);
  });
  const late = setTimeout(() => child.kill('SIGKILL'), 180000);
  const code = await new Promise((resolve) => { child.on('close', resolve); child.on('error', () => resolve(-1)); });
  clearTimeout(late);
  if (code !== 0 || counts.PASS === 0) {
    counts.FAIL += 1;
    console.log(`  ${name}: ended with ${code}\n${said.slice(-3000)}`);
  }
  await stop(gateway?.child);
  console.log(`${name}: ${counts.PASS} passed, ${counts.FAIL} failed (${Math.round((Date.now() - began) / 1000)} s)`);
  return counts;
}

async function main() {
  if (!options.direct && !options.binary) throw new Error('--binary FILE or --direct');
  const names = Object.keys(CLIENTS).filter((name) => !options.only || name.startsWith(options.only));
  if (names.some((name) => name.startsWith('rmcp'))) await build();
  const servers = { ts: await startServer('ts-v2', folder, 'ts'), py: await startServer('py-mcp', folder, 'py'), everything: await startServer('everything', folder, 'everything') };
  const upstreams = Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, server.url]));
  const all = await Promise.all(names.map((name) => play(name, upstreams)));
  const sum = (word) => all.reduce((total, counts) => total + counts[word], 0);
  if (sum('FAIL')) console.log(`logs: ${folder}`);
  console.log(`${sum('PASS')} passed, ${sum('FAIL')} failed`);
  process.exitCode = sum('FAIL') || !sum('PASS') ? 1 : 0;
}

try { await main(); } catch (error) { console.error(`clients: ${error.stack}`); process.exitCode = 2; } finally {
  await stopAll();
  if (!process.exitCode) fs.rmSync(folder, { recursive: true, force: true });
}
