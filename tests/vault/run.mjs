#!/usr/bin/env node
// Credentials of a vault: a real OpenBao leases roles of a real PostgreSQL to calls through the real gateway.
//
//   run.mjs --binary target/debug/hopgate [--only TEXT] [--keep]
//
// The tests share one of each and run in order; with --only those whose name holds the text. The binary is a debug build:
// only such a one can be told to end between two steps.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stopAll } from '../conformance/processes.mjs';
import { CANARY } from './canary.mjs';
import { CASES } from './cases.mjs';
import { crashes } from './crashes.mjs';
import { startIssuer } from './keys.mjs';
import { startServers } from './ledger.mjs';
import { SECRET, startOpenbao } from './openbao.mjs';
import { LAST, OUTAGES } from './outages.mjs';
import { startPostgres } from './postgres.mjs';
import { until } from '../spire/spire.mjs';
import { AUDIENCE, build } from './world.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean' } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-'));
const counts = { passed: 0, failed: 0 };
let postgres;

async function judge(tests, world) {
  for (const [name, test] of Object.entries(tests)) {
    if (options.only && !name.includes(options.only)) continue;
    const began = Date.now();
    try {
      await test(world);
      counts.passed += 1;
      console.log(`PASS ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      counts.failed += 1;
      console.log(`FAIL ${name}: ${error.message}\n${world.gateway.tail()}`);
    }
    await settle(world);
  }
}

// What a test has left is no concern of the next: leases of tasks nobody has closed, a gate that was not opened again.
async function settle({ gateway, bao, postgres }) {
  await bao.mend();
  if (!gateway.alive()) await gateway.begin();
  await gateway.cli('leases', 'revoke', '--all').catch(() => {});
  await until('nothing is left', async () => (await postgres.roles()).length === 0, 35000).catch(() => bao.ask('PUT', 'sys/leases/revoke-prefix/database/creds/ledger', {}));
}

async function main() {
  if (!options.binary) throw new Error('--binary FILE');
  const issuer = await startIssuer();
  postgres = await startPostgres();
  await postgres.ask('CREATE TABLE ledger (amount int); INSERT INTO ledger VALUES (40), (2)');
  const bao = await startOpenbao(folder, { postgres, key: issuer, audience: AUDIENCE });
  const servers = await startServers(postgres);
  const world = { binary: path.resolve(options.binary), folder, issuer, postgres, bao, servers, secret: SECRET };
  world.gateway = await build(world, 'gateway');
  await world.gateway.begin();
  for (const tests of [CASES, OUTAGES, crashes(await world.gateway.steps()), LAST]) await judge(tests, world);
  await world.gateway.stop();
  if (!options.only) await judge(CANARY, world);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed ? 1 : 0;
}

try { await main(); } catch (error) { console.error(`vault: ${error.stack}`); process.exitCode = 2; } finally {
  await stopAll();
  postgres?.remove();
  if (options.keep) console.log(`logs: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
}
process.exit();
