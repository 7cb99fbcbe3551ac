#!/usr/bin/env node
// Credentials through the real gateway, minted by real issuers, shown to a server that asks whether they are good.
//
//   run.mjs --binary target/debug/hopgate [--only TEXT] [--keep]
//
// Each case prints "PASS name" or "FAIL name: why". They run one after the other; the last ones stop the gateway.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stopAll } from '../conformance/processes.mjs';
import { hangUp } from '../oauth/world.mjs';
import { oauth } from './oauth.mjs';
import { build } from './world.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean' } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-credentials-'));
const CASE_MS = 120000;

async function judge(name, test, world) {
  const began = Date.now();
  let late;
  const deadline = new Promise((resolve, reject) => { late = setTimeout(() => reject(new Error(`not done after ${CASE_MS} ms`)), CASE_MS); });
  try {
    await Promise.race([test(world), deadline]);
    console.log(`PASS ${name} (${Date.now() - began} ms)`);
    return true;
  } catch (error) {
    console.log(`FAIL ${name}: ${String(error?.stack ?? error).replace(/\s+/g, ' ').slice(0, 600)}`);
    return false;
  } finally {
    clearTimeout(late);
  }
}

async function main() {
  if (!options.binary) throw new Error('--binary FILE');
  const world = await build(path.resolve(options.binary), folder);
  const counts = { passed: 0, failed: 0 };
  for (const [name, test] of Object.entries(oauth)) {
    if (options.only && !name.includes(options.only)) continue;
    counts[(await judge(name, test, world)) ? 'passed' : 'failed'] += 1;
  }
  world.tools.close();
  if (counts.failed || options.keep) console.log(`logs: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed || !counts.passed ? 1 : 0;
}

// What breaks outside of a case leaves no process behind either.
process.on('unhandledRejection', async (error) => { console.error(`credentials: ${error?.stack}`); await stopAll(); process.exit(2); });
try { await main(); } catch (error) { console.error(`credentials: ${error.stack}\nlogs: ${folder}`); process.exitCode = 2; } finally {
  hangUp();
  await stopAll();
}
process.exit();
