// The real gateway in front of servers that need credentials of a vault, and agents that call through it.
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, start, stop, waitHttp } from '../conformance/processes.mjs';
import { LEGACY, REVISION } from './ledger.mjs';

const run = promisify(execFile);
export const AUDIENCE = 'https://tools.example.com/';
const AGENTS = ['ann', 'bob'];

// === The configuration ===

// Name of server and credential, where the server is, and how the credential is had.
const servers = ({ bao }) => {
  const approle = ({ role_id, file }) => `{ approle = { role_id = "${role_id}", secret_id = { file = "${file}" } } }`;
  const ledger = 'path = "database/creds/ledger"\ninject = { basic = "{username}:{password}" }';
  const db = (login, more = '') => `login = ${login}\n${ledger}\n${more}`;
  return {
    ledger: db(approle(bao.approle)),
    once: db(approle(bao.approle), 'per = "call"'),
    old: db(approle(bao.approle)),
    short: db(approle(bao.approle), 'ttl = "4s"\noutstanding = 1'),
    weak: db(approle(bao.weak)),
    filed: db(`{ jwt = { file = "${bao.jwtFile}" }, role = "hopgate" }`),
    mine: db('{ jwt = "caller", role = "agents" }'),
    lent: db(`{ token = { file = "${bao.token.file}" } }`),
    shown: `login = ${approle(bao.approle)}\npath = "secret/data/tools/files"`,
    web: `login = ${approle(bao.approle)}\npath = "pki/issue/tools"\nparameters = { common_name = "{agent}.example.com" }\ninject = { header = "X-Serial", value = "{serial_number}" }`,
  };
};

const agent = (name, identity, state) => `
[agents.${name}]
owner = "tests@example.com"
purpose = "plays ${name}"
state = "${state}"
expires = 2099-01-01
identity = ["${identity}"]
envelope = { tools = ["**"], effects = ["read", "write", "persist", "destroy"] }
`;

const server = (name, url, address, credential) => `
[credentials.${name}]
kind = "vault"
address = "${address}"
ttl = "2m"
${credential}

[servers.${name}]
url = "${url}"
protocol = "${name === 'old' ? 'legacy' : 'modern'}"
credential = "${name}"
`;

function config({ port, admin, data, keys, states, world }) {
  const credentials = Object.entries(servers(world)).map(([name, credential]) => {
    const own = /^ttl = /m.test(credential) ? server(name, world.servers.url(name), world.bao.address, credential).replace('ttl = "2m"\n', '') : server(name, world.servers.url(name), world.bao.address, credential);
    return name === 'web' ? own.replace('/web/', '/shown/') : own;
  });
  return `[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "http://127.0.0.1:${port}"
data_dir = ${JSON.stringify(data)}
deadlines = { linger = "1ms" }

[log]
format = "json"

[identities.keys]
kind = "key"
keys = [
${AGENTS.map((name) => `  { id = "${name}", hash = "sha256:${crypto.createHash('sha256').update(keys[name]).digest('hex')}" },`).join('\n')}
]

[identities.corp]
kind = "oidc"
issuer = "${world.issuer.url}"
audience = "${AUDIENCE}"
${AGENTS.map((name) => agent(name, `keys:${name}`, states[name] ?? 'active')).join('')}
${agent('cid', 'corp:cid', 'active')}
${credentials.join('')}
[[rules]]
name = "all"
tools = ["**"]
allow = true
`;
}

// === The gateway ===

// A gateway that can be ended and begun again; `world` is { bao, servers, issuer, folder, binary }.
export async function build(world, tag) {
  const [port, admin] = [await freePort(), await freePort()];
  const keys = Object.fromEntries(AGENTS.map((name) => [name, `key-of-${name}-${crypto.randomBytes(24).toString('hex')}`]));
  const place = path.join(world.folder, tag);
  fs.mkdirSync(place);
  const [data, file, log] = ['data', 'hopgate.toml', 'gateway.log'].map((name) => path.join(place, name));
  const states = {};
  const write = () => fs.writeFileSync(file, config({ port, admin, data, keys, states, world }));
  write();
  const origin = `http://127.0.0.1:${port}`;
  const operators = `http://127.0.0.1:${admin}`;
  let child;
  const proof = async (who) => `Bearer ${keys[who] ?? await world.issuer.sign({ sub: who, aud: AUDIENCE })}`;
  const cli = async (...args) => (await run(world.binary, [...args, '--config', file])).stdout;
  const gateway = {
    place,
    keys: Object.values(keys),
    // `failpoint` names the step after which it ends by itself, as by SIGKILL.
    async begin({ failpoint } = {}) {
      child = start(world.binary, ['serve', '--config', file], { cwd: place, log, env: failpoint ? { HOPGATE_FAILPOINT: failpoint } : {} });
      await waitHttp(`${operators}/readyz`, child, { ok: true });
    },
    // The steps it can be told to end after: it names them where it is told another.
    async steps() {
      const asked = run(world.binary, ['serve', '--config', file], { cwd: place, env: { ...process.env, HOPGATE_FAILPOINT: 'nowhere' } });
      const [, names] = /none of: ([a-z ]+)/.exec(await asked.catch((error) => error.stderr)) ?? [];
      if (!names) throw new Error('it names no steps: is it a debug build?');
      return names.trim().split(' ');
    },
    async kill() { process.kill(child.pid, 'SIGKILL'); await child.done; },
    async end() { process.kill(child.pid, 'SIGTERM'); return child.done; },
    alive: () => child?.exitCode === null && child.signalCode === null,
    // Ends by itself.
    ended: () => child.done,
    stop: () => stop(child),
    async setState(who, state) { states[who] = state; write(); },
    leases: async () => JSON.parse(await cli('leases', '--format', 'json')).leases,
    cli,
    async number(name) {
      const token = fs.readFileSync(path.join(data, 'admin.token'), 'utf8').trim();
      const { text } = await send('GET', `${operators}/metrics`, { authorization: `Bearer ${token}` });
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      return line ? Number(line.split(' ').at(-1)) : 0;
    },
    async open(who) {
      const answer = await send('POST', `${origin}/tasks`, { authorization: await proof(who) });
      if (!answer.message.id) throw new Error(`no task: ${answer.status} ${answer.text}`);
      return answer.message.id;
    },
    close: async (who, task) => send('DELETE', `${origin}/tasks/${task}`, { authorization: await proof(who) }),
    async call(who, name, { task, tool = 'balance', ms } = {}) {
      const meta = { 'io.modelcontextprotocol/protocolVersion': REVISION, 'io.modelcontextprotocol/clientCapabilities': {}, ...(task && { 'dev.hopgate/task': task }) };
      const head = { ...JSON_HEAD, 'mcp-protocol-version': REVISION, 'mcp-method': 'tools/call', 'mcp-name': tool, authorization: await proof(who) };
      return send('POST', `${origin}/servers/${name}/mcp`, head, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: {}, _meta: meta } }, ms);
    },
    // A session of the older revisions.
    async session(who, name) {
      const head = { ...JSON_HEAD, authorization: await proof(who) };
      const url = `${origin}/servers/${name}/mcp`;
      const hello = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'tests', version: '1' } };
      const opened = await send('POST', url, head, { jsonrpc: '2.0', id: 1, method: 'initialize', params: hello });
      if (!opened.session) throw new Error(`no session: ${opened.status} ${opened.text}`);
      const inside = { ...head, 'mcp-session-id': opened.session, 'mcp-protocol-version': LEGACY };
      await send('POST', url, inside, { jsonrpc: '2.0', method: 'notifications/initialized' });
      return {
        call: () => send('POST', url, inside, { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'balance', arguments: {} } }),
        close: () => send('DELETE', url, inside),
      };
    },
    tail: () => fs.readFileSync(log, 'utf8').slice(-3000),
  };
  return gateway;
}

// === Calls ===

const JSON_HEAD = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

function send(method, url, headers, body, ms = 30000) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, timeout: ms }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part)).on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        let message = {};
        try { message = JSON.parse(text); } catch { /* no JSON: the test sees the text */ }
        resolve({ status: answer.statusCode, text, message, session: answer.headers['mcp-session-id'], call: answer.headers['hopgate-call'] });
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

// What a tool said, or whatever came instead.
export const said = (answer) => answer.message.result?.content?.[0]?.text ?? `${answer.status} ${answer.text}`;
