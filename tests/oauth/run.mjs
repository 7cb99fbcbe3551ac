#!/usr/bin/env node
// The whole of OAuth through the real gateway: a real authorization server, real clients, a real MCP server.
//
//   run.mjs --binary target/debug/hopgate [--only TEXT] [--keep]
//
// Each case prints "PASS name" or "FAIL name: why". They run one after the other, in an order that matters:
// keys change and the authorization server is stopped only at the end.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startServer } from '../conformance/peers.mjs';
import { stopAll } from '../conformance/processes.mjs';
import { clients } from './clients.mjs';
import { discovery } from './discovery.mjs';
import { keys } from './keys.mjs';
import { possession } from './possession.mjs';
import { reload } from './reload.mjs';
import { tokens } from './tokens.mjs';
import { hangUp, startGateway, startIssuer, startRecorder } from './world.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean' } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-oauth-'));
const CASES = { ...discovery, ...clients, ...tokens, ...possession, ...reload, ...keys };
const CASE_MS = 180000;

async function build() {
  const [issuer, foreign] = [await startIssuer(folder, 'issuer'), await startIssuer(folder, 'foreign')];
  const upstream = await startRecorder((await startServer('ts-v2', folder, 'ts')).url);
  const binary = path.resolve(options.binary);
  const gate = (tag, more, ready) => startGateway(binary, { issuer: issuer.url, upstream: upstream.url, more, ready }, folder, tag);
  const gateway = await gate('gateway');
  const token = (client, more = {}) => issuer.token(client, { resource: gateway.url(), scope: 'tools:read', ...more });
  return { issuer, foreign, upstream, gateway, gate, token };
}

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
  const world = await build();
  const counts = { passed: 0, failed: 0 };
  for (const [name, test] of Object.entries(CASES)) {
    if (options.only && !name.includes(options.only)) continue;
    counts[(await judge(name, test, world)) ? 'passed' : 'failed'] += 1;
  }
  world.upstream.close();
  if (counts.failed || options.keep) console.log(`logs: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed || !counts.passed ? 1 : 0;
}

// What breaks outside of a case leaves no process behind either.
process.on('unhandledRejection', async (error) => { console.error(`oauth: ${error?.stack}`); await stopAll(); process.exit(2); });
try { await main(); } catch (error) { console.error(`oauth: ${error.stack}\nlogs: ${folder}`); process.exitCode = 2; } finally {
  hangUp();
  await stopAll();
}
process.exit();
