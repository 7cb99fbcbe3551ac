#!/usr/bin/env node
// Credentials against what really takes them: verifiers of tokens, a PostgreSQL.
//
//   run.mjs --binary target/debug/hopgate [--only TEXT] [--keep]
//
// Each case prints "PASS name" or "FAIL name: why", and starts what it needs itself.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stopAll } from '../conformance/processes.mjs';
import { hangUp } from '../oauth/world.mjs';
import { mint } from './mint.mjs';
import { postgres } from './postgres.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean' } } });
const CASES = { ...mint, ...postgres };
const CASE_MS = 180000;

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
    await stopAll();
  }
}

async function main() {
  if (!options.binary) throw new Error('--binary FILE');
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-credentials-'));
  fs.chmodSync(root, 0o755);
  const counts = { passed: 0, failed: 0 };
  for (const [name, test] of Object.entries(CASES)) {
    if (options.only && !name.includes(options.only)) continue;
    const folder = path.join(root, String(counts.passed + counts.failed));
    fs.mkdirSync(folder, { mode: 0o755 });
    counts[(await judge(name, test, { binary: path.resolve(options.binary), folder })) ? 'passed' : 'failed'] += 1;
  }
  if (counts.failed || options.keep) console.log(`logs: ${root}`);
  else fs.rmSync(root, { recursive: true, force: true });
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed || !counts.passed ? 1 : 0;
}

// What breaks outside of a case leaves no process behind either.
process.on('unhandledRejection', async (error) => { console.error(`credentials: ${error?.stack}`); await stopAll(); process.exit(2); });
try { await main(); } catch (error) { console.error(`credentials: ${error.stack}`); process.exitCode = 2; } finally {
  hangUp();
  await stopAll();
}
process.exit();
