// The official SDKs with their own OAuth code, a person at the browser, and nothing but the endpoint's URL:
// 401, metadata, registration, PKCE, token, call, step-up, call.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CACHE } from '../conformance/peers.mjs';
import { loadPeer } from './packages.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const REDIRECT = 'http://127.0.0.1:1/callback';
const PYTHON_MS = 90000;

// What an SDK asks of its application: somewhere to keep things, and a browser.
class Application {
  redirectUrl = REDIRECT;
  clientMetadata = { client_name: 'tester', redirect_uris: [REDIRECT], application_type: 'native', token_endpoint_auth_method: 'none', grant_types: ['authorization_code'], response_types: ['code'] };
  constructor(issuer, scope, dpop) {
    this.issuer = issuer;
    if (scope) this.clientMetadata.scope = scope;
    if (dpop) this.dpop = () => dpop;
  }
  state() { return (this.sent = randomUUID()); }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.kept; }
  saveTokens(tokens) { this.kept = tokens; }
  codeVerifier() { return this.verifier; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  discoveryState() { return this.found; }
  saveDiscoveryState(found) { this.found = found; }
  async redirectToAuthorization(url) { this.back = await this.issuer.person(url.href); }
}

async function v1(url, authProvider) {
  const { Client } = await loadPeer('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await loadPeer('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const client = new Client({ name: 'tester', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
  return { client, transport, finish: (back) => transport.finishAuth(back.get('code')) };
}

const v2 = (mode) => async (url, authProvider) => {
  const { Client, StreamableHTTPClientTransport } = await loadPeer('@modelcontextprotocol/client');
  const client = new Client({ name: 'tester', version: '1' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
  return { client, transport, finish: (back) => transport.finishAuth(back) };
};

// The SDKs end a request that needs the person by UnauthorizedError; the application takes the answer from the browser and asks again.
async function authorized(application, peer, act) {
  for (let visits = 0; ; visits++) {
    try {
      return [await act(), visits];
    } catch (error) {
      if (error.constructor.name !== 'UnauthorizedError' || visits === 2) throw error;
      const back = application.back.searchParams;
      assert.equal(back.get('state'), application.sent);
      await peer.finish(back);
    }
  }
}

const said = (result) => { assert(!result.isError, JSON.stringify(result)); return result.content[0].text; };

// The whole flow at one endpoint. Gives the client's id, and how often the person was asked when reading after writing.
async function flow(open, { issuer }, url, { scope, dpop } = {}) {
  const application = new Application(issuer, scope, dpop);
  const first = await open(url, application);
  await assert.rejects(first.client.connect(first.transport), { name: /Error/ });
  assert(application.back, 'the first request leads to the browser');
  await first.finish(application.back.searchParams);
  const peer = await open(url, application);
  await peer.client.connect(peer.transport);
  const key = randomUUID();
  const call = (name, args) => authorized(application, peer, async () => said(await peer.client.callTool({ name, arguments: args })));
  assert.deepEqual(await call('work_echo', { text: 'read' }), ['read', 0]);
  assert.deepEqual(await call('work_count', { key }), ['1', 1], 'writing asks the person once, and is done once');
  const [again, visits] = await call('work_echo', { text: 'again' });
  assert.equal(again, 'again');
  await peer.client.close();
  return { client: application.client.client_id, visits };
}

// What the authorization server saw of a client that did it all.
async function asked({ issuer }, url, client) {
  const { registrations, codes, tokens } = await issuer.seen();
  const own = (list) => list.filter((one) => one.client === client);
  assert.equal(registrations.filter((one) => one === client).length, 1, 'registered once');
  for (const { resource, challenge } of own(codes)) assert.deepEqual([resource, challenge], [url, 'S256']);
  for (const { resource, grant } of own(tokens)) assert.deepEqual([resource, grant], [url, 'authorization_code']);
  assert(own(codes).length >= 2, 'a step-up is a second authorization');
  return own(codes).map((code) => code.scope.split(' ').sort().join(' '));
}

const READ = 'tools:read';
const BOTH = 'tools:read tools:write';

// On `up`, what one call needs is not what another needs: the application says what it begins with, and the challenge
// names what is missing. On `side` every call needs one scope, and a client that knows nothing but the URL asks for that.
async function typescript(open, world, { gateway = world.gateway, dpop } = {}) {
  for (const [server, scope] of [['up', READ], ['side', undefined]]) {
    const url = gateway.url(server);
    const { client, visits } = await flow(open, world, url, { scope, dpop });
    assert.equal(visits, 0, 'what was granted before is still granted');
    assert.deepEqual(await asked(world, url, client), [READ, BOTH], server);
  }
}

async function python(mode, world) {
  const url = world.gateway.url('side');
  const child = spawn(path.join(CACHE, 'venv/bin/python'), [path.join(HERE, 'python.py'), mode, url, world.issuer.operator]);
  let [out, errors] = ['', ''];
  child.stdout.on('data', (data) => { out += data; });
  child.stderr.on('data', (data) => { errors += data; });
  const late = setTimeout(() => child.kill('SIGKILL'), PYTHON_MS);
  const code = await new Promise((resolve) => { child.on('close', resolve); child.on('error', () => resolve(-1)); });
  clearTimeout(late);
  assert.equal(code, 0, `ended with ${code}: ${errors.slice(-1500)}`);
  assert.deepEqual(await asked(world, url, JSON.parse(out).client), [READ, BOTH]);
}

export const clients = {
  // Version 1 asks for what a challenge names and no more, so it may have to come back for what it had.
  async typescript_v1_does_the_whole_flow(world) {
    const [up, side] = ['up', 'side'].map((server) => world.gateway.url(server));
    const begun = await flow(v1, world, up, { scope: READ });
    assert(begun.visits <= 1, `${begun.visits} visits`);
    await asked(world, up, begun.client);
    const knowing = await flow(v1, world, side);
    assert.equal(knowing.visits, 0, 'a challenge names all that its call needs');
    assert.deepEqual(await asked(world, side, knowing.client), [READ, BOTH]);
  },
  typescript_v2_does_the_whole_flow_in_sessions: (world) => typescript(v2('legacy'), world),
  typescript_v2_does_the_whole_flow_stateless: (world) => typescript(v2({ pin: '2026-07-28' }), world),
  python_does_the_whole_flow_in_sessions: (world) => python('legacy', world),
  python_does_the_whole_flow_stateless: (world) => python('2026-07-28', world),
};

// Version 2 can prove possession of a key by itself.
export async function flowWithPossession(world, gateway) {
  const { DpopSession } = await loadPeer('@modelcontextprotocol/client');
  await typescript(v2({ pin: '2026-07-28' }), world, { gateway, dpop: await DpopSession.create() });
}
