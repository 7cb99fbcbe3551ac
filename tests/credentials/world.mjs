// What the cases play with: two authorization servers, a tool server that asks one of them about every token, the gateway.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { startServer } from '../conformance/peers.mjs';
import { freePort, sleep, start, stop, waitHttp } from '../conformance/processes.mjs';
import { load } from '../oauth/packages.mjs';
import { send } from '../oauth/world.mjs';
import { APP, INSTALLATION, startGithub } from './github.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const jose = await load('jose');

// === Clients and their keys ===

const ALGORITHMS = { ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}], RS256: ['rsa', { modulusLength: 2048 }], PS256: ['rsa', { modulusLength: 2048 }] };

// A key pair as two files: the private half in PEM for the gateway, the public half as a JWK for the server.
async function keyOf(folder, algorithm) {
  const [kind, options] = ALGORITHMS[algorithm];
  const { privateKey, publicKey } = generateKeyPairSync(kind, options);
  const file = path.join(folder, `client-${algorithm}.pem`);
  fs.writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { file, privateKey, jwk: { ...(await jose.exportJWK(publicKey)), alg: algorithm, use: 'sig' } };
}

const secretOf = (client) => `secret-of-${client}+&=: `.padEnd(40, '%').trimEnd();

export const CALLER = 'svc';
// A static key, known to the gateway alone.
export const BADGE = 'canary-badge-0123456789abcdefghijklmnop';

async function makeClients(folder) {
  const keys = {};
  for (const algorithm of Object.keys(ALGORITHMS)) keys[algorithm] = await keyOf(folder, algorithm);
  const keyed = Object.entries(keys).map(([algorithm, { jwk }]) => ({
    client_id: `gate-${algorithm}`, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: algorithm, jwks: { keys: [jwk] },
  }));
  const clients = [
    ...keyed,
    { client_id: 'gate-basic', client_secret: secretOf('gate-basic') },
    { client_id: 'gate-post', client_secret: secretOf('gate-post'), token_endpoint_auth_method: 'client_secret_post' },
    { client_id: 'tools', client_secret: secretOf('tools') },
    { client_id: CALLER, client_secret: secretOf(CALLER), caller: true },
  ];
  for (const client of ['gate-basic', 'gate-post']) fs.writeFileSync(path.join(folder, `${client}.secret`), secretOf(client), { mode: 0o600 });
  return { keys, clients };
}

// === Authorization servers ===

async function startIssuer(folder, tag, settings) {
  const [port, control] = [await freePort(), await freePort()];
  const file = path.join(folder, `${tag}.json`);
  fs.writeFileSync(file, JSON.stringify(settings));
  const child = start(process.execPath, [path.join(HERE, 'as.mjs'), port, control, file], { log: path.join(folder, `${tag}.as.log`) });
  const url = `http://127.0.0.1:${port}`;
  const operator = async (method, what) => (await fetch(`http://127.0.0.1:${control}${what}`, { method })).json();
  await waitHttp(`http://127.0.0.1:${control}/seen`, child, { ok: true });
  const form = async (at, client, fields) => {
    const headers = { authorization: `Basic ${Buffer.from([client, secretOf(client)].map(encodeURIComponent).join(':')).toString('base64')}` };
    const answer = await fetch(url + at, { method: 'POST', headers, body: new URLSearchParams(fields) });
    return { status: answer.status, ...(await answer.json()) };
  };
  return {
    url,
    child,
    seen: () => operator('GET', '/seen'),
    trouble: (at) => operator('POST', `/trouble?at=${encodeURIComponent(at)}`),
    introspect: (token) => form('/token/introspection', 'tools', { token }),
    caller: async () => (await form('/token', CALLER, { grant_type: 'client_credentials', resource: 'https://tools.example.com/', scope: 'read' })).access_token,
  };
}

// === The tool server ===

// Asks its authorization server about the token of every request, and passes on to the MCP server what has a good one.
async function startTools(target, issuers) {
  const to = new URL(target);
  const heads = [];
  const server = http.createServer(async (request, response) => {
    heads.push(request.rawHeaders.join('\n'));
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const known = await Promise.all(issuers.map((issuer) => issuer.introspect(token)));
    const good = known.find((one) => one.active && one.aud === resource);
    if (!good) return response.writeHead(401).end();
    heads.push(`good for ${good.scope}`);
    const onward = http.request({ host: to.hostname, port: to.port, path: to.pathname, method: request.method, headers: { ...request.headers, host: to.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    return request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const resource = `http://127.0.0.1:${server.address().port}/mcp`;
  return { url: resource, heads, close: () => { server.close(); server.closeAllConnections(); } };
}

// === The gateway ===

const agent = (name, identity) => `
[agents.${name}]
owner = "tests@example.com"
purpose = "plays ${name}"
expires = 2099-01-01
identity = ["${identity}"]
envelope = { tools = ["**"], effects = ["read", "write", "persist", "destroy"], credential_ttl = "10m" }
`;

// Every credential with a server of its own, all of them the same tool server.
const credentials = ({ folder, issuer, other, keys, github }) => ({
  basic: `kind = "oauth"\nissuer = "${issuer.url}"\nclient = { id = "gate-basic", secret = { file = "gate-basic.secret" } }\nscope = ["read", "repo:acme/x"]`,
  post: `kind = "oauth"\ntoken_endpoint = "${issuer.url}/token"\nrevocation_endpoint = "${issuer.url}/token/revocation"\nclient = { id = "gate-post", secret = { env = "GATE_POST" }, method = "post" }\nscope = "read"`,
  ...Object.fromEntries(Object.entries(keys).map(([algorithm, { file }]) => [algorithm,
    `kind = "oauth"\nissuer = "${issuer.url}"\nclient = { id = "gate-${algorithm}", key = { file = "${file}" }, alg = "${algorithm}" }\nscope = "read"`])),
  assertion: `kind = "oauth"\nissuer = "${issuer.url}"\nclient = { id = "gate-ES256", assertion = "${path.join(folder, 'workload.jwt')}" }\nscope = "read"`,
  call: `kind = "oauth"\nissuer = "${issuer.url}"\nclient = { id = "gate-basic", secret = { file = "gate-basic.secret" } }\nper = "call"`,
  stranger: `kind = "oauth"\nissuer = "${issuer.url}"\nclient = { id = "gate-basic", secret = { file = "gate-post.secret" } }`,
  astray: `kind = "oauth"\nissuer = "${issuer.url}/elsewhere"\nclient = { id = "gate-basic", secret = { file = "gate-basic.secret" } }`,
  exchange: `kind = "exchange"\nissuer = "${issuer.url}"\nclient = { id = "gate-ES256", key = { file = "${keys.ES256.file}" } }\nactor = "signed"\naudience = "tools"\nscope = "read"`,
  github: `kind = "github_app"\napp = "${APP}"\ninstallation = ${INSTALLATION}\nkey = { file = "${keys.RS256.file}" }\napi = "${github.url}"\nscope = ["repo:acme/*", "contents:read"]`,
  id_jag: `kind = "exchange"\nissuer = "${issuer.url}"\nclient = { id = "gate-ES256", key = { file = "${keys.ES256.file}" } }\nsubject_token = "access_token"\nid_jag = { issuer = "${other.url}", client = { id = "gate-ES256", key = { file = "${keys.ES256.file}" } } }\nscope = "read"`,
});

const config = ({ port, admin, data, issuer, tools, ...more }) => `[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "http://127.0.0.1:${port}"
data_dir = ${JSON.stringify(data)}
deadlines = { linger = "1ms" }

[identities.corp]
kind = "oidc"
issuer = "${issuer.url}"
audience = "https://tools.example.com/"
agent = "client_id"
user = "sub"

[identities.near]
kind = "local"

[identities.badge]
kind = "key"
keys = [{ id = "badge", hash = "sha256:${createHash('sha256').update(BADGE).digest('hex')}" }]
${agent('service', `corp:${CALLER}`)}${agent('tokenless', 'local')}${agent('badged', 'badge:badge')}
${Object.entries(credentials({ issuer, ...more })).map(([name, table]) => `
[credentials.${name}]
${table}

[servers.${name}]
url = "${tools.url}"
credential = "${name}"

[[rules]]
name = "everything on ${name}"
tools = ["${name}/**"]
${name === 'github' ? 'scope = ["repo:acme/{args.text}", "contents:read"]' : ''}
allow = true
`).join('')}`;

export async function build(binary, folder) {
  const { keys, clients } = await makeClients(folder);
  const issuer = await startIssuer(folder, 'issuer', { clients });
  const other = await startIssuer(folder, 'other', { clients, trusts: issuer.url });
  const github = await startGithub(keys.RS256.jwk, () => world.tools.url);
  const tools = await startTools((await startServer('ts-v2', folder, 'ts')).url, [issuer, other, github]);
  const [port, admin] = [await freePort(), await freePort()];
  const [file, data] = [path.join(folder, 'hopgate.toml'), path.join(folder, 'data')];
  const env = { GATE_POST: secretOf('gate-post') };
  const world = { folder, issuer, other, github, tools, keys, binary, data, file, env };
  world.workload = () => workload(world);
  await world.workload();
  fs.writeFileSync(file, config({ port, admin, ...world }));
  const open = async () => {
    world.child = start(binary, ['serve', '--config', file], { cwd: folder, env, log: path.join(folder, 'gateway.log') });
    await waitHttp(`http://127.0.0.1:${admin}/readyz`, world.child, { ok: true });
  };
  await open();
  world.stop = () => stop(world.child);
  world.restart = async () => { process.kill(-world.child.pid, 'SIGKILL'); await world.child.done; await open(); };
  world.url = (server) => `http://127.0.0.1:${port}/servers/${server}/mcp`;
  world.tasks = (method, what, token, body) => send(`http://127.0.0.1:${port}/tasks${what}`, { method, headers: { authorization: `Bearer ${token}` }, body });
  return world;
}

// A workload's own token, as a sidecar would write it: good for one use at this server.
async function workload({ folder, issuer, keys }) {
  const token = await new jose.SignJWT({}).setProtectedHeader({ alg: 'ES256' })
    .setIssuer('gate-ES256').setSubject('gate-ES256').setAudience(issuer.url).setJti(crypto.randomUUID()).setIssuedAt().setExpirationTime('60s')
    .sign(keys.ES256.privateKey);
  fs.writeFileSync(path.join(folder, 'workload.jwt'), `${token}\n`);
}

// === Callers ===

const REVISION = '2026-07-28';

// One call of a tool, in a task where one is named.
export function call(world, server, { token, task, text = 'hello' }) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientCapabilities': {},
    ...(task && { 'dev.hopgate/task': task }),
  };
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': REVISION,
    'mcp-method': 'tools/call',
    'mcp-name': 'work_echo',
    ...(token && { authorization: `Bearer ${token}` }),
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'work_echo', arguments: { text }, _meta: meta } });
  return send(world.url(server), { method: 'POST', headers, body });
}

export async function openTask(world, token) {
  const answer = await world.tasks('POST', '', token, '{}');
  if (answer.status >= 300) throw new Error(`no task: ${answer.status} ${answer.text}`);
  return JSON.parse(answer.text).id;
}

// Until something holds, and no longer than `ms`.
export async function until(holds, ms, what) {
  for (const end = Date.now() + ms; ;) {
    if (await holds()) return;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(50);
  }
}
