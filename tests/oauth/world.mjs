// What the cases play with: authorization servers, a server that remembers its callers' headers, the real gateway, callers.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, start, stop, waitHttp } from '../conformance/processes.mjs';
import { load } from './packages.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const jose = await load('jose');

// === The authorization server ===

export async function startIssuer(folder, tag) {
  const [port, control] = [await freePort(), await freePort()];
  const child = start(process.execPath, [path.join(HERE, 'as.mjs'), port, control], { log: path.join(folder, `${tag}.log`) });
  const url = `http://127.0.0.1:${port}`;
  const operator = `http://127.0.0.1:${control}`;
  await waitHttp(`${operator}/seen`, child, { ok: true });
  const ask = async (method, what) => {
    const answer = await fetch(operator + what, { method });
    if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
    return answer.json();
  };
  return {
    url,
    operator,
    child,
    seen: () => ask('GET', '/seen'),
    rotate: () => ask('POST', '/rotate'),
    drop: () => ask('POST', '/drop'),
    person: async (at) => new URL((await ask('POST', `/person?url=${encodeURIComponent(at)}`)).location),
    token: (client, more) => token(url, client, more),
  };
}

// A token by client credentials.
async function token(issuer, client, { resource, scope, dpop } = {}) {
  const at = `${issuer}/token`;
  const form = { grant_type: 'client_credentials', ...(resource && { resource }), ...(scope && { scope }) };
  const headers = { authorization: `Basic ${Buffer.from(`${client}:secret-${client}`).toString('base64')}` };
  if (dpop) headers.dpop = await dpop.proof({ htm: 'POST', htu: at });
  const answer = await fetch(at, { method: 'POST', headers, body: new URLSearchParams(form) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`no token for ${client}: ${JSON.stringify(body)}`);
  return body.access_token;
}

// A key pair that signs what one wants: tokens nobody issued, proofs of possession.
export async function signer() {
  const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  const sign = (header, claims) => new jose.SignJWT(claims).setProtectedHeader({ alg: 'ES256', ...header }).sign(privateKey);
  const now = () => Math.floor(Date.now() / 1000);
  return {
    sign,
    // `for` is the access token the proof belongs to; anything else overrides a claim or, in `header`, a header.
    proof: async ({ for: access, header, ...claims }) => {
      const ath = access && jose.base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(access))));
      return sign({ typ: 'dpop+jwt', jwk, ...header }, { jti: crypto.randomUUID(), iat: now(), ...(ath && { ath }), ...claims });
    },
  };
}

export const claims = (access) => ({ ...jose.decodeProtectedHeader(access), ...jose.decodeJwt(access) });

// === The server behind the gateway ===

// Passes everything on to the MCP server at `target` and remembers the headers it got.
export async function startRecorder(target) {
  const to = new URL(target);
  const heads = [];
  const server = http.createServer((request, response) => {
    heads.push(request.rawHeaders.join('\n'));
    const onward = http.request({ host: to.hostname, port: to.port, path: request.url, method: request.method, headers: { ...request.headers, host: to.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers).flushHeaders();
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}${to.pathname}`, heads, close: () => { server.close(); server.closeAllConnections(); } };
}

// === The gateway ===

const agent = (name, identity, tools, state = 'active') => `
[agents.${name}]
owner = "tests@example.com"
purpose = "plays ${name}"
state = "${state}"
expires = 2099-01-01
identity = [${identity}]
envelope = { tools = [${tools.map((tool) => `"${tool}"`).join(', ')}], effects = ["read", "write", "persist", "destroy"] }
`;

const rule = (name, tools, requires) => `
[[rules]]
name = "${name}"
tools = [${tools.map((tool) => `"${tool}"`).join(', ')}]
requires = ${JSON.stringify(requires)}
allow = true
`;

const config = ({ port, admin, data, issuer, upstream, more = '', flicker = 'active', purpose = 'the first' }) => `# ${purpose}
[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "http://127.0.0.1:${port}"
data_dir = ${JSON.stringify(data)}
deadlines = { linger = "1ms" }

[audit]
refusals = 1000000

[identities.corp]
kind = "oidc"
issuer = "${issuer}"
audience = "https://tools.example.com/"
agent = "client_id"
user = "sub"
${more}
${agent('service', '"corp:svc", "corp:short", "corp:endless", "corp:bound"', ['up/**', 'side/**'])}
${agent('other', '"corp:other"', ['up/**'])}
${agent('flicker', '"corp:flicker"', ['up/**'], flicker)}
${agent('pipeline', '{ source = "corp", subject = "ci-*", claims = { repository = "acme/ledger" } }', ['up/**'])}
${agent('desk', '{ source = "corp", subject = "desk-*" }', ['up/**', 'side/**'])}
[servers.up]
url = "${upstream}"

[servers.side]
url = "${upstream}"
${rule('reading', ['up/work_echo', 'side/work_echo'], ['tools:read'])}
${rule('writing', ['up/work_count'], ['tools:write'])}
${rule('reporting', ['up/work_report'], ['tools:read', 'tools:write'])}
${rule('writing beside', ['side/work_count'], ['tools:read', 'tools:write'])}`;

// Starts `hopgate serve`; `more` is TOML for the identity.
export async function startGateway(binary, { issuer, upstream, more, ready = true }, folder, tag) {
  const [port, admin] = [await freePort(), await freePort()];
  const file = path.join(folder, `${tag}.toml`);
  const write = (changes) => fs.writeFileSync(file, config({ port, admin, data: path.join(folder, `data-${tag}`), issuer, upstream, more, ...changes }));
  write();
  const child = start(binary, ['serve', '--config', file], { cwd: folder, log: path.join(folder, `${tag}.log`) });
  await waitHttp(`http://127.0.0.1:${admin}/${ready ? 'readyz' : 'healthz'}`, child, { ok: true });
  const readiness = async () => (await send(`http://127.0.0.1:${admin}/readyz`)).status;
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    child,
    readiness,
    url: (server = 'up') => `${origin}/servers/${server}/mcp`,
    reload: (changes) => { write(changes); process.kill(child.pid, 'SIGHUP'); },
    stop: () => stop(child),
  };
}

// === Callers ===

const REVISION = '2026-07-28';
const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 64 });
export const hangUp = () => keepAlive.destroy();

// One HTTP request; headers may be lists. Gives status, headers, text, and the Bearer challenge by its parameters.
export function send(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: keepAlive, timeout: 30000 }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString(), ...challenge(answer.headers['www-authenticate']) }));
    });
    request.on('timeout', () => request.destroy(new Error(`${url}: no answer`)));
    request.on('error', reject);
    request.end(body);
  });
}

function challenge(header = '') {
  const bearer = header.match(/(?:^|, *)Bearer\b(.*?)(?=, *DPoP |$)/i)?.[1];
  if (bearer === undefined) return { challenge: undefined };
  return { challenge: Object.fromEntries([...bearer.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value])) };
}

const message = (method, params, meta) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...(meta && { _meta: meta }), ...params } });
const standing = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const proof = (access) => (access ? { authorization: `Bearer ${access}` } : {});

// A tool call of the stateless revision: one request, no session. `headers` replace what the token would say.
export function call(url, access, { tool = 'work_echo', args = { text: 'hello' }, headers = proof(access) } = {}) {
  const meta = { 'io.modelcontextprotocol/protocolVersion': REVISION, 'io.modelcontextprotocol/clientCapabilities': {} };
  const all = { ...standing, 'mcp-protocol-version': REVISION, 'mcp-method': 'tools/call', 'mcp-name': tool, ...headers };
  return send(url, { method: 'POST', headers: all, body: message('tools/call', { name: tool, arguments: args }, meta) });
}

// A request of the revisions with sessions.
export function legacy(url, access, method, params, session) {
  const headers = { ...standing, ...proof(access), ...(session && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }) };
  return send(url, { method: 'POST', headers, body: message(method, params) });
}

// Opens the stream of a session, and says when it ended. `cut` gives up.
export async function listen(url, access, session) {
  const headers = { accept: 'text/event-stream', ...proof(access), 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  const request = http.get(url, { headers, agent: false });
  const answer = await new Promise((resolve, reject) => request.on('response', resolve).on('error', reject));
  if (answer.statusCode !== 200) throw new Error(`no stream: ${answer.statusCode}`);
  answer.resume().on('error', () => {});
  return { ended: new Promise((resolve) => answer.on('close', () => resolve(Date.now()))), cut: () => request.destroy() };
}

export const opening = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'tester', version: '1' } };

// What a tool said; fails unless it said something.
export function said(answer) {
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.headers['www-authenticate'] ?? ''} ${answer.text.slice(0, 300)}`);
  const text = answer.headers['content-type'].startsWith('text/event-stream') ? answer.text.match(/^data: ?(\{.*)$/gm).at(-1).replace(/^data: ?/, '') : answer.text;
  const { result, error } = JSON.parse(text);
  if (!result || result.isError) throw new Error(`no result: ${JSON.stringify(error ?? result)}`);
  return result.content[0].text;
}

// Calls without pause until `end()`: each turn takes the next of `tokens()`. Counts, and keeps what went wrong.
export function loop(url, tokens, workers = 4) {
  const state = { calls: 0, failures: [], used: new Set() };
  let running = true;
  const work = async (offset) => {
    for (let turn = offset; running; turn++) {
      const pool = tokens();
      const access = pool[turn % pool.length];
      try {
        said(await call(url, access));
        state.used.add(access);
      } catch (error) {
        state.failures.push(error.message);
      }
      state.calls += 1;
    }
  };
  const all = Promise.all([...Array(workers).keys()].map(work));
  return { state, end: async () => { running = false; await all; return state; } };
}
