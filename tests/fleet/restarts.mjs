// Three gateways behind nginx are replaced one after the other, and nobody who calls notices.
import assert from 'node:assert/strict';
import { sleep } from '../conformance/processes.mjs';
import { caller, isAnswered, newPool, said, storm } from './callers.mjs';
import { once } from './check.mjs';

const ROUNDS = 2;
// While a fleet is settled nothing else is left to happen to it.
const PAUSE = 2500;

const failure = (call) => `${call.mark}: ${call.status} ${call.error ?? ''} ${call.text.slice(0, 200)} (began ${call.began})`;

// Each stops as whatever runs it would stop it, is begun again, and is ready before the next one goes.
async function roll(replicas, between = async () => {}) {
  for (const replica of replicas) {
    const ending = replica.end();
    await between(replica);
    assert.equal(await ending, 0, replica.tail());
    await replica.begin();
    await sleep(PAUSE);
  }
}

export const RESTARTS = {
  'rolling restarts under load lose no call, and make none twice': async ({ nginx, replicas, agents, tools }) => {
    const pool = newPool();
    const callers = agents.map((agent) => caller({ origin: nginx.origin, agent, pool }));
    const before = tools.ledger.length;
    const load = storm(200, (at) => callers[at % callers.length].call(at % 10 === 0 ? 'slow' : 'echo'));
    await sleep(1000);
    for (let round = 0; round < ROUNDS; round += 1) await roll(replicas);
    const made = await load.stop();
    const calls = callers.flatMap((one) => one.ledger);
    const failed = calls.filter((call) => !isAnswered(call));
    console.log(`  ${calls.length} calls during ${ROUNDS * replicas.length} restarts, ${failed.length} failed`);
    assert.equal(calls.length, made);
    assert.deepEqual(failed.map(failure), [], nginx.errors().slice(-2000));
    once(calls, tools.ledger.slice(before));
    const outcomes = replicas.map((replica) => replica.records().filter((record) => record.kind === 'outcome').length);
    assert.ok(outcomes.every((count) => count > calls.length / 10), `each took its part: ${outcomes}`);
    pool.destroy();
  },

  'a gateway that is leaving says so at once and still answers': async ({ nginx, replicas, agents }) => {
    const [leaving] = replicas;
    const pool = newPool(1);
    const kept = caller({ origin: leaving.origin, agent: agents[0], pool });
    const first = await kept.call('echo');
    assert.ok(isAnswered(first) && first.headers.connection !== 'close', failure(first));
    const ending = leaving.end();
    while (await leaving.ready()) assert.ok(leaving.alive(), 'it was ready to its end');
    assert.deepEqual(await leaving.readiness(), { ready: false, unready: ['draining'] });
    for (const _ of [1, 2]) {
      const last = await kept.call('echo');
      assert.ok(isAnswered(last), failure(last));
      assert.equal(last.headers.connection, 'close');
    }
    assert.equal(await ending, 0);
    const gone = await kept.call('echo');
    assert.match(gone.error, /ECONNREFUSED/);
    const through = await caller({ origin: nginx.origin, agent: agents[0], pool }).call('echo');
    assert.ok(isAnswered(through), failure(through));
    await leaving.begin();
    pool.destroy();
  },

  'streamed answers go on to their end through a restart, and streams that listen are ended': async ({ nginx, replicas, agents, tools }) => {
    const pool = newPool();
    const callers = agents.slice(0, 6).map((agent) => caller({ origin: nginx.origin, agent, pool }));
    const sessions = await Promise.all(callers.slice(0, 3).map((one) => one.session()));
    const listening = sessions.map((session) => session.listen());
    for (const end = Date.now() + 10000; tools.listening() < 3; await sleep(20)) assert.ok(Date.now() < end, 'three listen');
    const streamed = callers.map((one) => one.call('count', { args: { to: 60 } }));
    await roll(replicas);
    for (const answer of await Promise.all(streamed)) {
      assert.equal(said(answer), '60', failure(answer));
      assert.equal(answer.text.match(/notifications\/message/g).length, 60);
    }
    for (const ended of await Promise.all(listening)) assert.equal(ended.status, 200, ended.error);
    pool.destroy();
  },
};
