// A SPIRE server and its agent, as one would run them, in a folder of the test: join token, unix workload attestor by path.
//
//   const spire = await startSpire(folder, { trustDomain });
//   const entry = await spire.register('spiffe://example.org/agent', spire.workload('agent'), { x509: 60, jwt: 60 });
//   await spire.workload('agent').fetchX509();        chain, key and bundle as PEM files
//   await spire.workload('agent').fetchJwt('https://gateway.example');
//   await spire.remove(entry);
//
// Every workload is a program of its own: a link to the agent's command under the workload's name, which is what the
// attestor tells them apart by. `program(FILE)` names any other, such as the gateway.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { CACHE } from '../conformance/peers.mjs';
import { freePort, sleep, start, stop } from '../conformance/processes.mjs';

const run = promisify(execFile);
const SERVER = path.join(CACHE, 'spire/spire-server');
const AGENT = path.join(CACHE, 'spire/spire-agent');

// Asks until the answer is true, and gives it.
export async function until(what, ask, ms = 60000) {
  const end = Date.now() + ms;
  let why = '';
  while (Date.now() < end) {
    try { const answer = await ask(); if (answer) return answer; } catch (error) { why = `: ${error.stderr || error.message}`; }
    await sleep(100);
  }
  throw new Error(`not within ${ms} ms: ${what}${why}`);
}

const serverConfig = (place, trustDomain, port) => `
server {
  bind_address = "127.0.0.1"
  bind_port = "${port}"
  socket_path = "${place}/server.sock"
  trust_domain = "${trustDomain}"
  data_dir = "${place}/server"
  log_level = "INFO"
  ca_ttl = "24h"
  default_x509_svid_ttl = "1h"
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${place}/server/data.sqlite3" } }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
}`;

const agentConfig = (place, trustDomain, port) => `
agent {
  data_dir = "${place}/agent"
  log_level = "INFO"
  server_address = "127.0.0.1"
  server_port = "${port}"
  socket_path = "${place}/agent.sock"
  trust_bundle_path = "${place}/bootstrap.pem"
  trust_domain = "${trustDomain}"
  experimental { sync_interval = "1s" }
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "disk" { plugin_data { directory = "${place}/agent" } }
  WorkloadAttestor "unix" { plugin_data { discover_workload_path = true workload_size_limit = -1 } }
}`;

export async function startSpire(folder, { trustDomain }) {
  // Paths of unix sockets are short: the folder should be, too.
  const place = path.join(folder, 'spire');
  fs.mkdirSync(path.join(place, 'server'), { recursive: true });
  fs.mkdirSync(path.join(place, 'bin'));
  const port = await freePort();
  const file = (name, text) => { fs.writeFileSync(path.join(place, name), text); return path.join(place, name); };
  const server = start(SERVER, ['run', '-config', file('server.conf', serverConfig(place, trustDomain, port))], { log: path.join(place, 'server.log') });
  const ask = async (...args) => (await run(SERVER, [...args, '-socketPath', path.join(place, 'server.sock')])).stdout;
  const asJson = async (...args) => JSON.parse(await ask(...args, '-output', 'json'));
  await until('the SPIRE server answers', () => { alive(server); return ask('healthcheck'); });
  file('bootstrap.pem', await ask('bundle', 'show', '-format', 'pem'));
  const node = `spiffe://${trustDomain}/node`;
  const token = (await asJson('token', 'generate', '-spiffeID', node)).value;
  const args = ['run', '-config', file('agent.conf', agentConfig(place, trustDomain, port)), '-joinToken', token];
  const socket = path.join(place, 'agent.sock');
  let agent;
  // A token is good once: an agent that starts again is known by the key it has kept.
  const startAgent = async () => {
    agent = start(AGENT, args, { log: path.join(place, 'agent.log') });
    await until('the SPIRE agent answers', () => { alive(agent); return run(AGENT, ['healthcheck', '-socketPath', socket]); });
  };
  await startAgent();

  return {
    endpoint: `unix:${socket}`,
    // A program whose processes are a workload, wherever it lies.
    program: (binary) => ({ selector: `unix:path:${fs.realpathSync(binary)}` }),
    workload: (name) => workload(place, socket, name),
    // Lives in seconds; a workload that federates gets those bundles, too; `dns` are names in its certificate. Gives the entry's id.
    async register(id, { selector }, { x509 = 60, jwt = 60, federates = [], dns = [] } = {}) {
      const more = [...federates.flatMap((domain) => ['-federatesWith', `spiffe://${domain}`]), ...dns.flatMap((name) => ['-dns', name])];
      const ttl = ['-x509SVIDTTL', String(x509), '-jwtSVIDTTL', String(jwt)];
      const made = await asJson('entry', 'create', '-parentID', node, '-spiffeID', id, '-selector', selector, ...ttl, ...more);
      const [{ status, entry }] = made.results;
      if (status.code !== 0) throw new Error(`no entry for ${id}: ${status.message}`);
      return entry.id;
    },
    remove: (entry) => ask('entry', 'delete', '-entryID', entry),
    // The bundle as JSON, and another trust domain's.
    bundle: async () => ask('bundle', 'show', '-format', 'spiffe'),
    setBundle: (domain, bundle) => ask('bundle', 'set', '-format', 'spiffe', '-id', `spiffe://${domain}`, '-path', file(`${domain}.json`, bundle)),
    // Adds a new authority to the bundle ("x509" or "jwt"), signs with it, and takes the old one out.
    async rotate(kind) {
      const prepared = (await asJson('localauthority', kind, 'prepare')).prepared_authority.authority_id;
      const old = (await asJson('localauthority', kind, 'show')).active.authority_id;
      const step = (verb, id) => () => ask('localauthority', kind, verb, '-authorityID', id);
      const revoke = step('revoke', old);
      if (kind === 'jwt') return { activate: step('activate', prepared), taint: step('taint', old), revoke };
      // The server and its agent renew their own SVIDs some seconds after a taint. Where the old authority is revoked before
      // that, they do not know each other any more and the agent ends.
      const own = async () => [await served(port), (await asJson('agent', 'list')).agents[0].x509svid_serial_number];
      const before = await own();
      const renewed = async () => (await own()).every((one, index) => one !== before[index]);
      return {
        activate: step('activate', prepared),
        taint: step('taint', old),
        revoke: async () => { await until('the own SVIDs of server and agent', renewed); return revoke(); },
      };
    },
    logs: () => ['server.log', 'agent.log'].map((name) => fs.readFileSync(path.join(place, name), 'utf8').slice(-2000)).join('\n'),
    stopAgent: () => stop(agent),
    startAgent,
    async stop() { await stop(agent); await stop(server); },
  };
}

// The serial number of the certificate a TLS server on this machine shows.
function served(port) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

function workload(place, socket, name) {
  const binary = path.join(place, 'bin', name);
  if (!fs.existsSync(binary)) {
    try { fs.linkSync(AGENT, binary); } catch { fs.copyFileSync(AGENT, binary); }
  }
  const folder = path.join(place, name);
  const fetch = (...args) => run(binary, ['api', 'fetch', ...args, '-socketPath', socket, '-timeout', '5s']);
  return {
    selector: `unix:path:${fs.realpathSync(binary)}`,
    async fetchX509() {
      fs.mkdirSync(folder, { recursive: true });
      await fetch('x509', '-write', folder);
      const at = (file) => path.join(folder, file);
      return { cert: at('svid.0.pem'), key: at('svid.0.key'), bundle: at('bundle.0.pem') };
    },
    async fetchJwt(audience) {
      const { stdout } = await fetch('jwt', '-audience', audience, '-output', 'json');
      return JSON.parse(stdout)[0].svids[0].svid;
    },
  };
}

function alive(child) {
  if (child.exitCode !== null) throw new Error(`SPIRE ended with ${child.exitCode}\n${fs.readFileSync(child.log, 'utf8').slice(-2000)}`);
}
