// Several real gateways that serve as one: the same policy, the same keys, each with a data directory of its own.
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, start, waitHttp } from '../conformance/processes.mjs';

const run = promisify(execFile);
export const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');

// === The configuration ===

const agent = ({ name, more = '', envelope = '' }) => `
[agents.${name}]
owner = "tests@example.com"
purpose = "plays ${name}"
state = "active"
expires = 2099-01-01
identity = ["keys:${name}"]
envelope = { tools = ["**"], effects = ["read", "write", "persist", "destroy"]${envelope} }
${more}`;

// `agents` are { name, key }, `tables` whatever a test adds.
function config({ port, admin, data, publicUrl, key, agents, tools, gateway, rules }) {
  return `[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "${publicUrl}"
data_dir = ${JSON.stringify(data)}
metrics = "open"
keys = [{ id = "k1", file = ${JSON.stringify(key)} }]
${gateway ?? ''}

[log]
format = "json"

[identities.keys]
kind = "key"
keys = [
${agents.map((one) => `  { id = "${one.name}", hash = "sha256:${sha256(one.key)}" },`).join('\n')}
]
${agents.map(agent).join('')}
[servers.tools]
url = "${tools.url('tools')}"
protocol = "modern"
credential = "none"

[servers.old]
url = "${tools.url('old')}"
protocol = "legacy"
credential = "none"
${rules ?? `
[[rules]]
name = "all"
tools = ["**"]
allow = true
`}`;
}

export const newAgent = (name, more = {}) => ({ name, key: `key-of-${name}-${crypto.randomBytes(24).toString('hex')}`, ...more });

// === The gateways ===

// A fleet of `count` gateways; `settings` are the agents, the tools and what goes into their configuration; what goes into
// `[gateway]` may be told each by its place.
export async function startFleet({ binary, folder, count, publicUrl, settings }) {
  const place = fs.mkdtempSync(path.join(folder, 'fleet-'));
  const key = path.join(place, 'seal.key');
  fs.writeFileSync(key, (await run(binary, ['key', 'new'])).stdout, { mode: 0o600 });
  const replicas = [];
  for (let at = 0; at < count; at += 1) {
    const own = path.join(place, `replica-${at + 1}`);
    fs.mkdirSync(own);
    const ports = { port: await freePort(), admin: await freePort() };
    const gateway = typeof settings.gateway === 'function' ? settings.gateway(at) : settings.gateway;
    const write = (changed = {}) => {
      const fresh = path.join(own, 'fresh.toml');
      fs.writeFileSync(fresh, config({ ...ports, data: path.join(own, 'data'), publicUrl, key, ...settings, gateway, ...changed }));
      fs.renameSync(fresh, path.join(own, 'hopgate.toml'));
    };
    write();
    replicas.push(replica({ binary, own, ports, write }));
  }
  await Promise.all(replicas.map((one) => one.begin()));
  return replicas;
}

function replica({ binary, own, ports, write }) {
  const [file, log, data] = ['hopgate.toml', 'gateway.log', 'data'].map((name) => path.join(own, name));
  const operators = `http://127.0.0.1:${ports.admin}`;
  let child;
  const ask = (where) => new Promise((resolve) => {
    const request = http.get(`${operators}${where}`, { timeout: 2000 }, (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; }).on('end', () => resolve({ status: answer.statusCode, text }));
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve({ status: 0, text: '' }));
  });
  return {
    ...ports,
    origin: `http://127.0.0.1:${ports.port}`,
    data,
    rewrite: write,
    async begin({ ready = true } = {}) {
      child = start(binary, ['serve', '--config', file], { cwd: own, log });
      await waitHttp(`${operators}/${ready ? 'readyz' : 'healthz'}`, child, { ok: true });
    },
    pid: () => child.pid,
    signal: (name) => process.kill(child.pid, name),
    // Ends as whatever runs it would have it end, and says how.
    async end() { process.kill(child.pid, 'SIGTERM'); return child.done; },
    async kill() { process.kill(child.pid, 'SIGKILL'); return child.done; },
    alive: () => child?.exitCode === null && child.signalCode === null,
    ready: async () => (await ask('/readyz')).status === 200,
    readiness: async () => JSON.parse((await ask('/readyz')).text || '{}'),
    async number(name) {
      const line = (await ask('/metrics')).text.split('\n').find((one) => one.startsWith(`${name} `));
      return line ? Number(line.split(' ').at(-1)) : 0;
    },
    cli: async (...args) => (await run(binary, [...args, '--config', file])).stdout,
    // Its own records of calls, in order.
    records(kind = 'calls') {
      const where = path.join(data, 'audit', kind);
      const files = fs.readdirSync(where).sort();
      return files.flatMap((one) => fs.readFileSync(path.join(where, one), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));
    },
    tail: () => fs.readFileSync(log, 'utf8').slice(-2000),
  };
}
