#!/usr/bin/env node
// Transparency by the official suite: every check that passes directly against a reference server must pass through hopgate.
//
//   run.mjs --binary target/debug/hopgate [--server ts-v2|py-mcp] [--revision R] [--keep]
//   run.mjs --direct                        the reference servers alone
//
// Exit 0: all kept. 1: a check was lost, or fewer passed than recorded.json says. 2: the run itself failed.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startGateway, startServer } from './peers.mjs';
import { stop, stopAll } from './processes.mjs';
import { run, scenarios, version } from './suite.mjs';

const { values: options } = parseArgs({
  options: { binary: { type: 'string' }, server: { type: 'string' }, revision: { type: 'string' }, direct: { type: 'boolean' }, keep: { type: 'boolean' } },
});
const HERE = path.dirname(fileURLToPath(import.meta.url));
const recorded = JSON.parse(fs.readFileSync(path.join(HERE, 'recorded.json'), 'utf8'));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-conformance-'));
const passing = (flat) => [...flat].filter(([, check]) => check.status === 'SUCCESS').map(([key]) => key);

// A fresh server (and gateway) for each leg: nothing one leg left behind may help or hurt the next.
async function leg(server, revision, names, through) {
  const tag = `${server}-${revision}-${through ? 'through' : 'direct'}`;
  const upstream = await startServer(server, folder, tag);
  const gateway = through && (await startGateway(path.resolve(options.binary), { up: upstream.url }, folder, tag));
  const flat = await run(gateway ? gateway.url('up') : upstream.url, revision, names, folder, tag);
  await stop(gateway?.child);
  await stop(upstream.child);
  return flat;
}

async function compare(server, revision) {
  const began = Date.now();
  const { scored, unscored } = scenarios(revision);
  const names = [...scored, ...unscored];
  const direct = await leg(server, revision, names, false);
  const pass = passing(direct);
  const least = recorded[server][revision];
  const few = pass.length < least ? least - pass.length : 0;
  if (few) console.log(`${server} ${revision}: only ${pass.length} checks pass directly, ${least} are recorded`);
  if (options.direct) {
    console.log(`${server} ${revision}: ${pass.length} of ${pass.length} checks pass directly (${Math.round((Date.now() - began) / 1000)} s)`);
    return [pass.length, few];
  }
  const through = await leg(server, revision, names, true);
  const lost = pass.filter((key) => through.get(key)?.status !== 'SUCCESS');
  console.log(`${server} ${revision}: ${pass.length - lost.length}/${pass.length} checks kept (${Math.round((Date.now() - began) / 1000)} s)`);
  for (const key of lost) {
    const check = through.get(key) || through.get(`${key.split(' ')[0]} (scenario)`);
    console.log(`  lost: ${key}  ${check?.status ?? 'ABSENT'}  ${(check?.message ?? '').replace(/\s+/g, ' ').slice(0, 400)}`);
  }
  for (const [key, check] of through) if (check.status === 'FAILURE' && !direct.has(key)) console.log(`  new:  ${key}  ${check.message.replace(/\s+/g, ' ').slice(0, 400)}`);
  return [pass.length - lost.length, lost.length + few];
}

async function main() {
  if (!options.direct && !options.binary) throw new Error('--binary FILE or --direct');
  console.log(`conformance suite ${version()}, node ${process.version}`);
  let passed = 0;
  let failed = 0;
  for (const server of Object.keys(recorded).filter((one) => recorded[one]['2025-11-25'])) {
    if (options.server && options.server !== server) continue;
    for (const revision of Object.keys(recorded[server])) {
      if (options.revision && options.revision !== revision) continue;
      const [kept, lost] = await compare(server, revision);
      passed += kept;
      failed += lost;
    }
  }
  if (failed || options.keep) console.log(`logs: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed || !passed ? 1 : 0;
}

try { await main(); } catch (error) { console.error(`conformance: ${error.stack}`); console.error(`logs: ${folder}`); process.exitCode = 2; } finally { await stopAll(); }
