// The real gateway in a trust domain: how it is configured, what it sends on, who calls it and what it notes of them.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { freePort, start, stop, waitHttp } from '../conformance/processes.mjs';
import { until } from './spire.mjs';

// === The server behind it ===

// Answers every tool call and remembers the headers it got.
export async function startUpstream() {
  const heads = [];
  const server = http.createServer(async (request, response) => {
    heads.push(request.rawHeaders.join('\n'));
    const parts = [];
    for await (const part of request) parts.push(part);
    const { id, method } = JSON.parse(Buffer.concat(parts));
    const result = method === 'tools/call' ? { content: [{ type: 'text', text: 'done' }] } : { supportedVersions: [REVISION], capabilities: { tools: {} } };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...result } }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, heads, close: () => { server.close(); server.closeAllConnections(); } };
}

// === The gateway ===

const config = ({ port, admin, data, trustDomain, endpoint, upstream, tls }) => `[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "https://127.0.0.1:${port}"
data_dir = ${JSON.stringify(data)}
deadlines = { linger = "1ms" }
tls = ${tls}

[audit]
refusals = 1000000

[log]
format = "json"

[identities.mesh]
kind = "spiffe"
trust_domain = "${trustDomain}"
workload_api = "${endpoint}"
${agent('reconciler', `spiffe://${trustDomain}/ns/billing/sa/reconciler`)}
${agent('fleet', `spiffe://${trustDomain}/fleet/*`)}
${['up', 'side'].map((server) => `
[servers.${server}]
url = "${upstream}"

[[rules]]
name = "${server}"
tools = ["${server}/**"]
allow = true
`).join('')}`;

const agent = (name, identity) => `
[agents.${name}]
owner = "tests@example.com"
purpose = "plays ${name}"
expires = 2099-01-01
identity = ["${identity}"]
envelope = { tools = ["up/**", "side/**"], effects = ["read", "write", "persist", "destroy"] }
`;

// Starts `hopgate serve` and waits until it answers its operators; `files` are a certificate and a key instead of its SVID.
export async function startGateway(binary, { trustDomain, endpoint, upstream, files }, folder, tag) {
  const [port, admin] = [await freePort(), await freePort()];
  const file = path.join(folder, `${tag}.toml`);
  const tls = files ? `{ cert = ${JSON.stringify(files.cert)}, key = { file = ${JSON.stringify(files.key)} } }` : '{ svid = "mesh" }';
  fs.writeFileSync(file, config({ port, admin, data: path.join(folder, `data-${tag}`), trustDomain, endpoint, upstream, tls }));
  const log = path.join(folder, `${tag}.log`);
  const child = start(binary, ['serve', '--config', file, '--log', 'info,hopgate=debug'], { cwd: folder, log });
  await waitHttp(`http://127.0.0.1:${admin}/healthz`, child, { ok: true });
  const lines = () => fs.readFileSync(log, 'utf8').split('\n').flatMap((line) => { try { return [JSON.parse(line)]; } catch { return []; } });
  return {
    port,
    child,
    log,
    name: files ? { host: 'localhost' } : { uri: `spiffe://${trustDomain}/gateway` },
    url: (server = 'up') => `https://127.0.0.1:${port}/servers/${server}/mcp`,
    async readiness() {
      const answer = await fetch(`http://127.0.0.1:${admin}/readyz`);
      return { status: answer.status, ...(await answer.json()) };
    },
    // What it has noted of the call of an answer.
    record: (answer) => until(`the record of ${answer.call}`, () => lines().find((line) => line.call === answer.call), 5000),
    // The certificate it shows now, held against `ca`.
    served: (ca) => shown(port, ca, `spiffe://${trustDomain}/gateway`),
    stop: () => stop(child),
  };
}

const wrongName = (uri) => (host, cert) => (cert.subjectaltname === `URI:${uri}` ? undefined : new Error(`the gateway shows ${cert.subjectaltname}`));

function shown(port, ca, uri) {
  return new Promise((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', port, ca, agent: false, checkServerIdentity: wrongName(uri), timeout: 5000 }, (answer) => {
      const cert = new crypto.X509Certificate(answer.socket.getPeerCertificate(true).raw);
      answer.resume().on('end', () => resolve({ print: cert.fingerprint256, ends: Date.parse(cert.validTo) }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}

// === Callers ===

// An SVID as it is now, though its files will be another's soon.
export function hold(files) {
  const [cert, key, ca] = [files.cert, files.key, files.bundle].map((file) => fs.readFileSync(file, 'utf8'));
  const leaf = new crypto.X509Certificate(cert);
  return { cert, key, ca, id: leaf.subjectAltName.replace(/^URI:/, ''), print: leaf.fingerprint256, ends: Date.parse(leaf.validTo) };
}

// A caller's connections to a gateway: one that is kept, or a new one for each call. With `bare` the certificate stays home.
export function connect(gateway, svid, { kept = true, bare = false } = {}) {
  const proof = bare ? {} : { cert: svid.cert, key: svid.key };
  const name = gateway.name.uri ? { checkServerIdentity: wrongName(gateway.name.uri) } : { servername: gateway.name.host };
  const pool = new https.Agent({ keepAlive: kept, maxSockets: kept ? 1 : Infinity, ca: svid.ca, ...proof, ...name });
  return Object.assign(pool, { opened: 0, resumed: 0, gateway });
}

const REVISION = '2026-07-28';
const META = { 'io.modelcontextprotocol/protocolVersion': REVISION, 'io.modelcontextprotocol/clientCapabilities': {} };
const BODY = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'work', arguments: {}, _meta: META } });
const HEAD = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': REVISION, 'mcp-method': 'tools/call', 'mcp-name': 'work' };

// A tool call. Gives the status, the text, and the id of the call.
export function call(pool, { token, server } = {}) {
  const headers = { ...HEAD, ...(token && { authorization: `Bearer ${token}` }) };
  return new Promise((resolve, reject) => {
    const request = https.request(pool.gateway.url(server), { method: 'POST', headers, agent: pool, timeout: 10000 }, (answer) => {
      const parts = [];
      if (!request.reusedSocket) pool.opened += 1;
      if (!request.reusedSocket && answer.socket.isSessionReused()) pool.resumed += 1;
      answer.on('data', (part) => parts.push(part)).on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, text: Buffer.concat(parts).toString(), call: answer.headers['hopgate-call'], challenge: answer.headers['www-authenticate'] }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.end(BODY);
  });
}

export const passed = (answer) => answer.status === 200 && JSON.parse(answer.text).result?.content?.[0].text === 'done';

// Calls without a pause until `end()`. `next` gives what to call with: { pool, token }.
export function loop(next) {
  const state = { calls: 0, failures: [] };
  let running = true;
  const work = async () => {
    for (; running; state.calls += 1) {
      try {
        const { pool, token } = next();
        const answer = await call(pool, { token });
        if (!passed(answer)) state.failures.push(`${answer.status} ${answer.text.slice(0, 200)}`);
      } catch (error) {
        state.failures.push(error.message);
      }
    }
  };
  const done = work();
  return { state, end: async () => { running = false; await done; return state; } };
}
