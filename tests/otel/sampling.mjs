// A gateway that samples nothing but keeps what it refuses and what fails, one whom only its environment tells where to
// send, and one that tells nobody.
import { until } from '../spire/spire.mjs';
import { equal, holds } from './trees.mjs';
import { BARE, call, context, said, traceparent } from './world.mjs';

export const SAMPLED = {
  async 'refusals and failures are kept outside the sample, each in one span'({ world, backend }) {
    world.manner = BARE;
    const answers = [];
    for (const [target, args] of [['tool/get', {}], ['b/relay', {}], ['tool/get', { amount: 700 }], ['tool/hidden', {}], ['gone/get', {}], ['tool/get', {}]]) {
      answers.push(await call(world.gateway, 'ann', target, { args }));
    }
    equal([answers[0], answers[1], answers[5]].map(said).join(), 'done,done,done', 'answers');
    // What has not been sent when it stops is sent then.
    await world.gateway.stop();
    const mine = await until('three spans', () => { const all = backend.desk.spans.filter(({ service }) => service === world.service); return all.length >= 3 && all; }, 20000);
    equal(mine.map(({ name, kind }) => `${kind} ${name}`).sort().join(), ['SERVER tools/call get', 'SERVER tools/call get', 'SERVER tools/call hidden'].join(), 'spans');
    for (const [at, expected] of [[2, { 'hopgate.decision': 'deny', 'hopgate.rule': 'nothing large' }], [3, { 'hopgate.decision': 'deny', 'rpc.response.status_code': '-32602' }], [4, { 'hopgate.decision': 'allow' }]]) {
      const span = mine.find(({ attributes }) => attributes['hopgate.call'] === answers[at].call);
      if (!span) throw new Error(`no span of the call ${answers[at].call}`);
      holds(span, { 'hopgate.agent': 'ann', 'mcp.method.name': 'tools/call', ...expected });
    }
  },
};

export const ENVIRONMENT = {
  async 'the standard variables are enough'({ world, backend }) {
    world.manner = BARE;
    const own = context();
    equal(said(await call(world.gateway, 'ann', 'b/relay', { at: own })), 'done', 'answer');
    const spans = await backend.traced(own.trace, (found) => equal(found.filter(({ service, kind }) => service === world.service && kind === 'CLIENT').length, 3, 'calls'));
    for (const span of spans) equal(span.resource['deployment.environment.name'], 'tests', 'an attribute of the resource');
  },
};

export const OFF = {
  async 'without telemetry what callers say to servers passes untouched'({ world, backend }) {
    const own = context();
    const meta = { traceparent: traceparent(own), tracestate: 'vendor=1', baggage: 'user=tests' };
    equal(said(await call(world.gateway, 'ann', 'tool/get', { meta })), 'done', 'answer');
    const came = world.servers.tool.last();
    for (const [name, value] of Object.entries(meta)) equal(came.meta[name], value, `${name} in _meta`);
    await world.gateway.stop();
    equal(backend.desk.spans.filter(({ trace }) => trace === own.trace).length, 0, 'spans');
  },
};
