// The store goes, in every way it can, under load; and what everybody wrote down must still fit together.
import assert from 'node:assert/strict';
import { sleep } from '../conformance/processes.mjs';
import { caller, isAnswered, newPool, storm } from './callers.mjs';
import { excess, lateness, once, passed, recorded, tally } from './check.mjs';
import { buildShared, LIMIT, STALE } from './shared.mjs';

const BEFORE = 4000;
const DURING = 7000;
const AFTER = 8000;
// How long a whole fleet may take to serve again once the store does.
const RECOVERY = 20000;
// How soon an end is known everywhere.
const SPREAD = 2000;

// How the store is hurt, and healed; `before` prepares it.
const FAULTS = {
  'killed and begun again': { hit: ({ redis }) => redis.kill(), heal: ({ redis }) => redis.begin() },
  'stopped and continued': { hit: ({ redis }) => redis.signal('SIGSTOP'), heal: ({ redis }) => redis.signal('SIGCONT') },
  'parted from one replica': { hit: ({ lines }) => lines[0].cut(), heal: ({ lines }) => lines[0].mend(), some: true },
  'flushed': { hit: ({ redis }) => redis.cli('FLUSHALL'), heal: () => {} },
  'replaced by a copy that lags': {
    before: async (world) => {
      world.copy = await world.redis.copy();
      for (const end = Date.now() + 20000; !/master_link_status:up/.test(await world.copy.cli('INFO', 'replication')); await sleep(50)) assert.ok(Date.now() < end, 'no copy');
      await sleep(1500);
      // From here on it misses what happens.
      await world.copy.cli('REPLICAOF', 'NO', 'ONE');
    },
    hit: ({ redis }) => redis.kill(),
    heal: ({ lines, copy }) => Promise.all(lines.map((line) => line.move(copy.port))),
  },
};

// Opens tasks, works in them, ends them, and goes on as if it had not: its calls must find nobody.
async function works(one, ends, isOver) {
  while (!isOver()) {
    const opened = await one.open();
    if (opened.status !== 201) { await sleep(200); continue; }
    const task = opened.id;
    const until = async (ms) => { for (const end = Date.now() + ms; Date.now() < end && !isOver(); await sleep(80)) await one.call('echo', { task }); };
    await until(1200);
    const closed = await one.close(task);
    // Whoever is not told that it is over does not know.
    if (closed.status === 200) ends.push({ task, began: closed.began, at: closed.ended });
    await until(SPREAD + 1500);
  }
}

async function undergo(shared, { before, hit, heal, some }) {
  const world = await buildShared(shared);
  const { nginx, replicas, agents, limited, tools } = world;
  const [since, from, pids] = [Date.now(), tools.ledger.length, replicas.map((replica) => replica.pid())];
  const pool = newPool();
  const over = { now: false };
  const ends = [];
  const every = (list) => list.map((agent) => caller({ origin: nginx.origin, agent, pool }));
  const [working, throttled] = [every(agents), every(limited)];
  const load = storm(LIMIT.rate * 2 * limited.length, (at) => throttled[at % throttled.length].call('echo'));
  const tasks = working.map((one) => works(one, ends, () => over.now));
  await before?.(world);
  await sleep(BEFORE);
  const hurt = Date.now();
  await hit(world);
  await sleep(DURING);
  await heal(world);
  const healed = Date.now();
  await serving(world, healed);
  const served = Date.now();
  await sleep(AFTER);
  over.now = true;
  await Promise.all([load.stop(), ...tasks]);
  pool.destroy();

  assert.deepEqual(replicas.map((replica) => replica.pid()), pids, 'nobody was begun again');
  const calls = [...working, ...throttled].flatMap((one) => one.ledger);
  const arrivals = tools.ledger.slice(from);
  console.log(`  ${calls.length} calls: ${JSON.stringify(tally(calls))}; ${ends.length} tasks ended; served again after ${served - healed} ms`);
  once(calls, arrivals);
  const intents = passed(replicas, since);
  recorded(arrivals, intents);
  const grace = (at) => SPREAD + (at > hurt - SPREAD && at < served ? STALE : 0);
  const late = lateness(ends, arrivals, grace);
  assert.equal(late, 0, `a call of a task that had ended came ${late} ms after it could not come any more`);
  for (const { agent } of throttled) {
    const most = excess(intents, agent.name, LIMIT);
    console.log(`  ${agent.name}: at most ${most.toFixed(3)} of its limit`);
    assert.ok(most <= 1.01 * (1 + 1 / replicas.length), `${agent.name} got ${most} of its limit`);
  }
  if (some) {
    const meanwhile = calls.filter((call) => call.began > hurt + STALE + 1000 && call.ended < healed);
    assert.ok(meanwhile.some(isAnswered), 'the others go on');
  }
  await world.stop();
}

// Until each replica serves everybody again, by itself.
async function serving({ replicas, agents, limited }, since) {
  const pool = newPool();
  const isFine = async (replica) => {
    if (!await replica.ready()) return false;
    const one = caller({ origin: replica.origin, agent: agents[0], pool });
    const opened = await one.open();
    if (opened.status !== 201) return false;
    const call = await one.call('echo', { task: opened.id });
    await one.close(opened.id);
    const held = await caller({ origin: replica.origin, agent: limited[0], pool }).call('echo');
    return isAnswered(call) && (isAnswered(held) || held.status === 429);
  };
  for (const replica of replicas) {
    while (!await isFine(replica)) {
      assert.ok(Date.now() - since < RECOVERY, `not served again: ${JSON.stringify(await replica.readiness())}\n${replica.tail()}`);
      await sleep(100);
    }
  }
  pool.destroy();
}

export const FAULT_CASES = Object.fromEntries(Object.entries(FAULTS).map(([name, fault]) => [`the shared store is ${name}`, (shared) => undergo(shared, fault)]));
