#!/usr/bin/env node
// Credentials through the real gateway, taken by what really takes them: servers that ask the issuer, verifiers of tokens, a
// PostgreSQL.
//
//   run.mjs --binary target/debug/hopgate [--only TEXT] [--keep]
//
// Each case prints "PASS name" or "FAIL name: why". Those of `aws`, `mint` and `postgres` start what they need themselves; those of
// `github` and `oauth` share one world and run one after the other, the last of them stop its gateway.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stopAll } from '../conformance/processes.mjs';
import { hangUp } from '../oauth/world.mjs';
import { aws } from './aws.mjs';
import { github } from './github.mjs';
import { mint } from './mint.mjs';
import { oauth } from './oauth.mjs';
import { postgres } from './postgres.mjs';
import { build } from './world.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean' } } });
const CASE_MS = 180000;
const counts = { passed: 0, failed: 0 };

async function judge(name, test, world) {
  const began = Date.now();
  let late;
  const deadline = new Promise((resolve, reject) => { late = setTimeout(() => reject(new Error(`not done after ${CASE_MS} ms`)), CASE_MS); });
  try {
    await Promise.race([test(world), deadline]);
    counts.passed += 1;
    console.log(`PASS ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    counts.failed += 1;
    console.log(`FAIL ${name}: ${String(error?.stack ?? error).replace(/\s+/g, ' ').slice(0, 600)}`);
  } finally {
    clearTimeout(late);
  }
}

const wanted = (cases) => Object.entries(cases).filter(([name]) => !options.only || name.includes(options.only));

async function main() {
  if (!options.binary) throw new Error('--binary FILE');
  const binary = path.resolve(options.binary);
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-credentials-'));
  // PostgreSQL runs as somebody else.
  fs.chmodSync(root, 0o755);
  for (const [name, test] of wanted({ ...aws, ...mint, ...postgres })) {
    const folder = path.join(root, String(counts.passed + counts.failed));
    fs.mkdirSync(folder, { mode: 0o755 });
    await judge(name, test, { binary, folder });
    await stopAll();
  }
  const shared = wanted({ ...github, ...oauth });
  if (shared.length) {
    const folder = path.join(root, 'oauth');
    fs.mkdirSync(folder);
    const world = await build(binary, folder);
    for (const [name, test] of shared) await judge(name, test, world);
    world.tools.close();
    world.github.close();
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
