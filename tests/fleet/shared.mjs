// Three gateways that share a real Redis, each over a line of its own, behind nginx; and what they promise as one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, sleep } from '../conformance/processes.mjs';
import { startBalancer } from './balancer.mjs';
import { caller, isAnswered, newPool, storm } from './callers.mjs';
import { excess, lateness, once, passed, recorded, tally } from './check.mjs';
import { startLine, startRedis } from './redis.mjs';
import { newAgent, startFleet } from './world.mjs';

// What each of the throttled agents may do.
export const LIMIT = { rate: 10, burst: 10 };
export const STALE = 3000;

// Longer than the default: what is tested is the store, not how busy this machine is.
const TIMEOUT = 500;
const REPLICAS = 3;

const rules = (agents, limited) => `
[[rules]]
name = "works"
agents = ${JSON.stringify(agents.map((one) => one.name))}
tools = ["**"]
allow = true

[[rules]]
name = "throttled"
agents = ${JSON.stringify(limited.map((one) => one.name))}
tools = ["**"]
allow = true
limit = { rate = "${LIMIT.rate}/s", burst = ${LIMIT.burst}, per = "agent" }
`;

// `shared` is { binary, cache, folder, tools }.
export async function buildShared({ binary, cache, folder, tools }, { many = 3 } = {}) {
  const own = fs.mkdtempSync(path.join(folder, 'shared-'));
  const redis = await startRedis({ cache, folder: own });
  const lines = [];
  for (let at = 0; at < REPLICAS; at += 1) lines.push(await startLine(redis.port));
  const agents = Array.from({ length: 6 }, (_, at) => newAgent(`worker-${at}`));
  const limited = Array.from({ length: many }, (_, at) => newAgent(`throttled-${at}`));
  const port = await freePort();
  const gateway = (at) => `state = { redis = "redis://127.0.0.1:${lines[at].port}/0", username = "${redis.username}", password = { file = ${JSON.stringify(redis.passwordFile)} }, stale = "${STALE / 1000}s", timeout = "${TIMEOUT}ms" }`;
  const settings = { agents: [...agents, ...limited], tools, gateway, rules: rules(agents, limited) };
  const replicas = await startFleet({ binary, folder: own, count: REPLICAS, publicUrl: `http://127.0.0.1:${port}`, settings });
  const nginx = await startBalancer({ port, replicas, folder: own });
  return {
    redis, lines, agents, limited, replicas, nginx, tools,
    async stop() {
      await Promise.all([...replicas.map((one) => one.kill()), redis.stop(), nginx.stop()]);
      lines.forEach((line) => line.close());
    },
  };
}

export const SHARED_CASES = {
  'a storm through three replicas gets the limit, and no more': async (shared) => {
    const world = await buildShared(shared, { many: 12 });
    const { nginx, limited, replicas, tools } = world;
    const [since, from, pool] = [Date.now(), tools.ledger.length, newPool()];
    const throttled = limited.map((agent) => caller({ origin: nginx.origin, agent, pool }));
    const load = storm(LIMIT.rate * 2 * throttled.length, (at) => throttled[at % throttled.length].call('echo'));
    await sleep(10000);
    await load.stop();
    pool.destroy();
    const calls = throttled.flatMap((one) => one.ledger);
    const arrivals = tools.ledger.slice(from);
    console.log(`  ${calls.length} calls: ${JSON.stringify(tally(calls))}`);
    once(calls, arrivals);
    const intents = passed(replicas, since);
    recorded(arrivals, intents);
    const seconds = (Date.now() - since) / 1000;
    for (const { agent } of throttled) {
      const most = excess(intents, agent.name, LIMIT);
      const got = arrivals.filter((line) => line.who === agent.name).length;
      assert.ok(most <= 1.01, `${agent.name} got ${most} of its limit: ${got} in ${seconds} s`);
      assert.ok(got >= 0.9 * LIMIT.rate * 9, `${agent.name} got only ${got} in ${seconds} s`);
    }
    await world.stop();
  },

  'sessions and tasks of one replica are served by the others, and end on all': async (shared) => {
    const world = await buildShared(shared);
    const { replicas, agents, tools } = world;
    const pool = newPool();
    const at = replicas.map((replica) => caller({ origin: replica.origin, agent: agents[0], pool }));
    const session = await at[0].session();
    for (const replica of replicas) {
      const call = await session.call('echo', {}, replica.origin);
      assert.ok(isAnswered(call), `${call.status} ${call.text}`);
    }
    const from = tools.ledger.length;
    const ends = [];
    for (let round = 0; round < 6; round += 1) {
      const opened = await at[round % 3].open();
      assert.equal(opened.status, 201, opened.text);
      const task = opened.id;
      for (const one of at) {
        const call = await one.call('echo', { task });
        assert.ok(isAnswered(call), `${call.status} ${call.text}`);
      }
      const closed = await at[(round + 1) % 3].close(task);
      assert.equal(closed.status, 200, closed.text);
      ends.push({ task, at: closed.ended });
    }
    await sleep(2000);
    for (const { task } of ends) {
      for (const one of at) assert.equal((await one.call('echo', { task })).status, 404);
    }
    assert.equal(lateness(ends, tools.ledger.slice(from), () => 2000), 0);
    pool.destroy();
    await world.stop();
  },
};
