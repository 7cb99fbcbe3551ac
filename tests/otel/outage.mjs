// A collector that hangs, and one that dies: calls go on as if nothing were, and what is lost is counted.
import { until } from '../spire/spire.mjs';
import { total } from './backend.mjs';
import { callOf, equal } from './trees.mjs';
import { BARE, call, context, said } from './world.mjs';

const CALLERS = 4;
// Enough that whatever waits for the collector would have filled up by then.
const CALLS = 200;

// Calls without a pause until `end()`, and keeps what did not pass.
function loop(world) {
  const state = { calls: 0, failures: [] };
  let running = true;
  const work = async () => {
    while (running) {
      const answer = await call(world.gateway, 'dan', 'tool/get').catch((error) => ({ status: 0, text: error.message, message: {} }));
      state.calls += 1;
      if (said(answer) !== 'done') state.failures.push(said(answer).slice(0, 200));
    }
  };
  const done = Promise.all(Array.from({ length: CALLERS }, work));
  return {
    state,
    more: (count) => { const goal = state.calls + count; return until(`${count} more calls`, () => state.calls >= goal); },
    end: async () => { running = false; await done; return state; },
  };
}

const lost = async (world) => total(await world.gateway.numbers(), 'hopgate_spans_lost_total');
const exported = async (world) => total(await world.gateway.numbers(), 'hopgate_spans_exported_total');

// Spans arrive again.
const returned = (world, backend) => until('spans to arrive again', async () => {
  const own = context();
  equal(said(await call(world.gateway, 'ann', 'tool/get', { at: own })), 'done', 'answer');
  return until('them', () => backend.desk.spans.some(({ trace }) => trace === own.trace), 3000);
});

export const OUTAGE = {
  async 'a collector that hangs disturbs no call'({ world, backend }) {
    world.manner = BARE;
    const calls = loop(world);
    await calls.more(CALLS);
    backend.collector.freeze();
    await calls.more(2 * CALLS);
    backend.collector.thaw();
    const { failures } = await calls.end();
    equal(failures.join(), '', 'calls that failed');
    await returned(world, backend);
  },
  async 'a collector that dies disturbs no call'({ world, backend }) {
    world.manner = BARE;
    const [calls, before] = [loop(world), await lost(world)];
    await calls.more(CALLS);
    await backend.collector.kill();
    await calls.more(CALLS);
    await until('lost spans to be counted', async () => (await lost(world)) > before);
    await calls.more(CALLS);
    await backend.collector.start();
    await calls.more(CALLS);
    const { failures } = await calls.end();
    equal(failures.join(), '', 'calls that failed');
    await returned(world, backend);
  },
  async 'every span has arrived or is counted as lost'({ world, backend }) {
    const mine = () => new Set(backend.desk.spans.filter(({ service }) => service === world.service).map(({ id }) => id)).size;
    // A batch that was cut off on its way back has arrived and is counted as lost: between the two, nothing else.
    await until('the sums to agree', async () => {
      const [sent, gone, arrived] = [await exported(world), await lost(world), mine()];
      equal(gone > 0 && sent > 0 && arrived >= sent && arrived <= sent + gone, true, `${arrived} arrived, ${sent} sent and ${gone} lost, which agrees`);
      return true;
    }, 20000);
  },
  async 'the collector that came back has the next chain whole'({ world, backend }) {
    const own = context();
    equal(said(await call(world.gateway, 'ann', 'b/relay', { at: own })), 'done', 'answer');
    await backend.traced(own.trace, (found) => { for (const who of ['ann', 'bob', 'cid']) callOf(found, world, who); });
  },
  async 'the log says once that the collector is gone'({ world }) {
    // Once each for spans, numbers and log lines, where it hung and where it died.
    const told = world.gateway.lines().filter(({ level, message = '' }) => ['WARN', 'ERROR'].includes(level) && /telemetry|collector|export/i.test(message));
    equal(told.length >= 1 && told.length <= 6, true, `${told.length} lines about it, which is few`);
  },
};
