#!/usr/bin/env node
// SPIFFE against a real SPIRE: what the gateway makes of a server and an agent nobody wrote for it.
//
//   run.mjs [--probe target/debug/examples/spiffe-probe] [--binary target/debug/hopgate]
//
// With the probe, its source of identities by itself; with the binary, the gateway as agents meet it (cases.mjs).
// The tests of each share one SPIRE and run in order, each from the state the one before has left.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { stopAll } from '../conformance/processes.mjs';
import { build, CASES } from './cases.mjs';
import { startSpire, until } from './spire.mjs';

const { values: options } = parseArgs({ options: { probe: { type: 'string' }, binary: { type: 'string' }, keep: { type: 'boolean' } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-'));
const TRUST_DOMAIN = 'example.org';
const PARTNER = 'partner.example';
const AUDIENCE = 'https://gateway.example/mcp';
const AGENT_ID = `spiffe://${TRUST_DOMAIN}/ns/billing/sa/reconciler`;

// Asks the probe line by line, in order.
function startProbe(binary, endpoint) {
  const child = spawn(binary, [TRUST_DOMAIN, endpoint, PARTNER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(JSON.parse(line)));
  child.on('close', (code) => waiting.forEach(({ reject }) => reject(new Error(`the probe ended with ${code}`))));
  const ask = (line) => new Promise((resolve, reject) => { waiting.push({ resolve, reject }); child.stdin.write(`${line}\n`); });
  return { state: () => ask('state'), verify: (file) => ask(`verify ${file}`), stop: () => child.stdin.end() };
}

const equal = (found, expected, what) => { if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}`); };
const keys = (state, domain) => state.bundles[domain]?.jwt.keys ?? [];
const leaf = (file) => new crypto.X509Certificate(fs.readFileSync(file));

// Checks a token's signature against the keys the source has, as any reader of the JWK set would.
function signed(token, state) {
  const [head, body, signature] = token.split('.');
  const { kid, alg } = JSON.parse(Buffer.from(head, 'base64url'));
  equal(alg, 'ES256', 'alg');
  const jwk = keys(state, TRUST_DOMAIN).find((key) => key.kid === kid);
  if (!jwk || 'use' in jwk) return false;
  const key = { key: crypto.createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  return crypto.verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'));
}

// Each test gets { spire, probe, entries }, where `entries` are the ids of what is registered.
const TESTS = {
  async 'without an entry there is nothing'({ probe }) {
    await until('the denial', async () => (await probe.state()).trouble?.includes('no identity issued'));
    const state = await probe.state();
    equal(state.ready, false, 'ready');
    equal(state.svid, null, 'own SVID');
  },
  async 'an entry brings bundles and the own SVID'({ spire, probe, entries }) {
    entries.gateway = await spire.register(`spiffe://${TRUST_DOMAIN}/gateway`, spire.program(options.probe), { x509: 20 });
    const state = await until('bundles and SVID', async () => { const now = await probe.state(); return now.svid && keys(now, TRUST_DOMAIN).length && now.ready && now; });
    equal(state.bundles[TRUST_DOMAIN].x509, 1, 'X.509 authorities');
    equal(state.trouble, null, 'trouble');
    equal(PARTNER in state.bundles, false, 'a bundle of the partner');
  },
  async 'an X.509-SVID of a workload is verified'({ spire, probe, entries }) {
    entries.agent = await spire.register(AGENT_ID, spire.workload('agent'), { x509: 60, jwt: 60 });
    const svid = await until('the SVID of the workload', () => spire.workload('agent').fetchX509());
    const found = await probe.verify(svid.cert);
    equal(found.id, AGENT_ID, 'ID');
    equal(found.expires * 1000, Date.parse(leaf(svid.cert).validTo), 'expiry');
    equal((await probe.verify(svid.bundle)).fault, "the certificate's SPIFFE ID has no path", 'an authority as a client');
  },
  async 'a JWT-SVID of a workload is signed by a key of the bundle'({ spire, probe }) {
    const token = await until('the token', () => spire.workload('agent').fetchJwt(AUDIENCE));
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    equal(claims.sub, AGENT_ID, 'sub');
    equal(String(claims.aud), AUDIENCE, 'aud');
    const state = await probe.state();
    equal(signed(token, state), true, 'signature');
    equal(signed(token.replace(/\.[^.]/, (two) => (two === '.e' ? '.f' : '.e')), state), false, 'a changed token');
  },
  async 'the own SVID is renewed before it ends'({ probe }) {
    const before = await probe.state();
    const after = await until('another SVID', async () => { const now = await probe.state(); return now.svid !== before.svid && now; }, 30000);
    if (!after.svid || after.epoch === before.epoch) throw new Error(`no SVID or the same epoch: ${JSON.stringify(after)}`);
  },
  async 'a federated bundle comes with the entry'({ spire, probe, entries }) {
    await spire.setBundle(PARTNER, await spire.bundle());
    await spire.remove(entries.gateway);
    entries.gateway = await spire.register(`spiffe://${TRUST_DOMAIN}/gateway`, spire.program(options.probe), { x509: 3600, federates: [PARTNER] });
    await until('the partner', async () => { const now = await probe.state(); return now.bundles[PARTNER]?.x509 === 1 && keys(now, PARTNER).length > 0 && now.svid; });
  },
  async 'rotated X.509 authorities are followed'({ spire, probe }) {
    const old = await spire.workload('agent').fetchX509();
    const kept = path.join(folder, 'old.pem');
    fs.copyFileSync(old.cert, kept);
    const rotation = await spire.rotate('x509');
    await until('two authorities', async () => (await probe.state()).bundles[TRUST_DOMAIN].x509 === 2);
    await rotation.activate();
    equal((await probe.verify(kept)).id, AGENT_ID, 'the old SVID while both hold');
    await rotation.taint();
    await until('an SVID of the new authority', async () => leaf((await spire.workload('agent').fetchX509()).cert).fingerprint256 !== leaf(kept).fingerprint256);
    await rotation.revoke();
    await until('one authority', async () => (await probe.state()).bundles[TRUST_DOMAIN].x509 === 1);
    equal((await probe.verify(kept)).fault, "no authority of the certificate's trust domain has signed it", 'the old SVID');
    equal((await probe.verify((await spire.workload('agent').fetchX509()).cert)).id, AGENT_ID, 'the new SVID');
  },
  async 'rotated JWT authorities are followed'({ spire, probe }) {
    const old = await spire.workload('agent').fetchJwt(AUDIENCE);
    const rotation = await spire.rotate('jwt');
    await until('two keys', async () => keys(await probe.state(), TRUST_DOMAIN).length === 2);
    await rotation.activate();
    await rotation.taint();
    const token = await until('a token of the new key', async () => { const now = await spire.workload('agent').fetchJwt(AUDIENCE); return now.split('.')[0] !== old.split('.')[0] && now; });
    await rotation.revoke();
    const state = await until('one key', async () => { const now = await probe.state(); return keys(now, TRUST_DOMAIN).length === 1 && now; });
    equal(signed(token, state), true, 'the new token');
    equal(signed(old, state), false, 'the old token');
  },
  async 'what a removed workload still has ends with its SVID'({ spire, probe }) {
    const brief = await spire.register(`spiffe://${TRUST_DOMAIN}/brief`, spire.workload('brief'), { x509: 12 });
    const svid = await until('its SVID', () => spire.workload('brief').fetchX509());
    equal((await probe.verify(svid.cert)).id, `spiffe://${TRUST_DOMAIN}/brief`, 'ID');
    await spire.remove(brief);
    await until('its end', async () => (await probe.verify(svid.cert)).fault === 'a certificate of the chain, or its authority, has expired', 20000);
  },
  async 'a removed workload gets no SVID any more'({ spire, entries }) {
    await spire.remove(entries.agent);
    await until('the refusal', () => spire.workload('agent').fetchX509().then(() => false, (error) => /no identity issued/i.test(error.stdout + error.stderr)));
  },
  async 'a removed gateway loses its SVID and keeps the bundles'({ spire, probe, entries }) {
    await spire.remove(entries.gateway);
    await until('the withdrawal', async () => (await probe.state()).svid === null);
    const state = await probe.state();
    equal(state.ready, true, 'ready');
    equal(state.bundles[TRUST_DOMAIN].x509, 1, 'X.509 authorities');
    await spire.register(`spiffe://${TRUST_DOMAIN}/gateway`, spire.program(options.probe), { x509: 3600 });
    await until('its return', async () => { const now = await probe.state(); return now.svid && now.trouble === null; });
  },
  async 'an agent that is gone takes nothing with it'({ spire, probe }) {
    const before = await probe.state();
    await spire.stopAgent();
    await until('notice', async () => (await probe.state()).trouble);
    const after = await probe.state();
    equal(after.svid, before.svid, 'own SVID');
    equal(after.epoch, before.epoch, 'epoch');
  },
};

const counts = { passed: 0, failed: 0 };

// Runs tests in order; whether all passed.
async function judge(tests, world) {
  let all = true;
  for (const [name, test] of Object.entries(tests)) {
    const began = Date.now();
    try {
      await test(world);
      counts.passed += 1;
      console.log(`PASS ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      all = false;
      counts.failed += 1;
      console.log(`FAIL ${name}: ${error.message}`);
    }
  }
  return all;
}

async function source(binary) {
  const spire = await startSpire(path.join(folder, 'source'), { trustDomain: TRUST_DOMAIN });
  const probe = startProbe(binary, spire.endpoint);
  if (!(await judge(TESTS, { spire, probe, entries: {} }))) console.log(`${spire.logs()}\nstate: ${JSON.stringify(await probe.state())}`);
  probe.stop();
  await spire.stop();
}

async function gateway(binary) {
  const world = await build(binary, folder);
  if (!(await judge(CASES, world))) console.log(`${world.spire.logs()}\n${fs.readFileSync(world.gateway.log, 'utf8').slice(-3000)}`);
  await world.stop();
}

async function main() {
  const { probe, binary } = options;
  if (!probe && !binary) throw new Error('--probe FILE or --binary FILE');
  if (probe) await source((options.probe = path.resolve(probe)));
  if (binary) await gateway(path.resolve(binary));
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed ? 1 : 0;
}

try { await main(); } catch (error) { console.error(`spire: ${error.stack}`); process.exitCode = 2; } finally {
  await stopAll();
  if (options.keep) console.log(`logs: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
}
process.exit();
