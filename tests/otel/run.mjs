#!/usr/bin/env node
// What the gateway tells of its calls, read where operators read it: a real OpenTelemetry Collector and Jaeger behind it.
//
//   run.mjs --binary target/debug/hopgate [--only grpc|http|sampled|environment|off] [--keep]
//
// The cases run over each protocol, in order, then the collector dies under calls; at the end everything the run wrote is
// searched for the secrets it used.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stopAll } from '../conformance/processes.mjs';
import { startBackend } from './backend.mjs';
import { CANARY, gather, plant } from './canary.mjs';
import { CASES } from './cases.mjs';
import { OUTAGE } from './outage.mjs';
import { ENVIRONMENT, OFF, SAMPLED } from './sampling.mjs';
import { build } from './world.mjs';

const { values: options } = parseArgs({ options: { binary: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean' } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hopgate-'));
const canary = plant();
const counts = { passed: 0, failed: 0 };

const headers = 'headers = { x-canary = { env = "CANARY" } }';
const GATEWAYS = {
  grpc: {
    telemetry: ({ grpc }) => `[telemetry]\notlp = { endpoint = "${grpc}", protocol = "grpc", ${headers} }\nlogs = true`,
    env: { CANARY: canary.header },
    tests: { ...CASES, ...OUTAGE },
  },
  http: {
    telemetry: ({ http }) => `[telemetry]\notlp = { endpoint = "${http}", protocol = "http", ${headers} }\nlogs = true`,
    env: { CANARY: canary.header, OTEL_SERVICE_NAME: 'hopgate-http' },
    tests: { ...CASES, ...OUTAGE },
  },
  sampled: {
    telemetry: ({ grpc }) => `[telemetry]\notlp = { endpoint = "${grpc}", protocol = "grpc" }\nsample = { ratio = 0.0, always = ["deny", "error", "ask"] }`,
    env: { OTEL_SERVICE_NAME: 'hopgate-sampled' },
    tests: SAMPLED,
  },
  environment: {
    telemetry: () => '',
    env: ({ http }) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: http,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_HEADERS: `x-canary=${canary.header}`,
      OTEL_SERVICE_NAME: 'hopgate-environment',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=tests',
    }),
    tests: ENVIRONMENT,
  },
  off: { telemetry: () => '', env: {}, tests: OFF },
};

// Runs tests in order; whether all passed.
async function judge(tag, tests, given) {
  let all = true;
  for (const [name, test] of Object.entries(tests)) {
    const began = Date.now();
    try {
      await test(given);
      counts.passed += 1;
      console.log(`PASS ${tag}: ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      all = false;
      counts.failed += 1;
      console.log(`FAIL ${tag}: ${name}: ${error.message}`);
    }
  }
  return all;
}

async function main() {
  if (!options.binary) throw new Error('--binary FILE');
  if (options.only && !(options.only in GATEWAYS)) throw new Error(`--only ${Object.keys(GATEWAYS).join('|')}`);
  const binary = path.resolve(options.binary);
  const backend = await startBackend(folder);
  const worlds = [];
  for (const [tag, { telemetry, env, tests }] of Object.entries(GATEWAYS)) {
    if (options.only && options.only !== tag) continue;
    const given = { telemetry, env: typeof env === 'function' ? env(backend.collector) : env };
    let world;
    const begun = await judge(tag, { 'the gateway starts': async () => { world = await build(binary, backend, folder, tag, given); } }, {});
    if (!begun) continue;
    if (!(await judge(tag, tests, { world, backend, canary }))) console.log(`${world.gateway.tail()}\n${backend.logs()}`);
    worlds.push(world);
  }
  if (worlds.length && !options.only) {
    // Some tests have stopped their gateway themselves.
    await gather({ backend, folder, worlds: worlds.filter(({ gateway }) => gateway.runs()) });
    for (const world of worlds) await world.stop();
    await judge('secrets', CANARY, { folder, worlds, canary, backend });
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed ? 1 : 0;
}

try { await main(); } catch (error) { console.error(`otel: ${error.stack}`); process.exitCode = 2; } finally {
  await stopAll();
  if (options.keep) console.log(`logs: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
}
process.exit();
