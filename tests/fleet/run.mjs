#!/usr/bin/env node
// Several gateways as one: a real nginx before three real gateways, real Redis behind them.
//
//   run.mjs --binary target/debug/hopgate [--only TEXT] [--keep]
//
// The tests run in order; with --only those whose name holds the text.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stopAll } from '../conformance/processes.mjs';
import { FAULT_CASES } from './faults.mjs';
import { MANIFEST_CASES } from './manifests.mjs';
import { RESTARTS } from './restarts.mjs';
import { buildShared, SHARED_CASES } from './shared.mjs';
import { startTools } from './tools.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean' } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-'));
const cache = process.env.HOPGATE_CACHE || path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'hopgate');
const counts = { passed: 0, failed: 0 };

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
      console.log(`FAIL ${name}: ${error.stack}`);
    }
  }
}

async function main() {
  if (!options.binary) throw new Error('--binary FILE');
  const binary = path.resolve(options.binary);
  const tools = await startTools();
  const world = { binary, cache, folder, tools };
  await judge(MANIFEST_CASES, world);
  const fleet = await buildShared(world);
  await judge(RESTARTS, { ...world, ...fleet });
  await fleet.stop();
  for (const tests of [SHARED_CASES, FAULT_CASES]) await judge(tests, world);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed ? 1 : 0;
}

try { await main(); } catch (error) { console.error(`fleet: ${error.stack}`); process.exitCode = 2; } finally {
  await stopAll();
  if (options.keep) console.log(`logs: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
}
process.exit();
