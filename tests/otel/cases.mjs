// What the backend must have of calls: one trace for a chain, whose context holds, what refusals and failures look like,
// numbers, log lines. Each case gets { world, backend, canary } and finds its own trace by its own context.
import { until } from '../spire/spire.mjs';
import { total } from './backend.mjs';
import { callOf, equal, holds, one, passes, request, rooted, under } from './trees.mjs';
import { BARE, call, context, INSTRUMENTED, LEGACY, parse, said, session, STRAY, traceparent, within } from './world.mjs';

const BOUNDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
// Calls the cases make that leave no span.
const UNSAMPLED = 1;

const chain = ({ servers: { b, c, tool } }) => [
  { agents: ['ann'], server: 'b', tool: 'relay', port: b.port, upstream: b },
  { agents: ['ann', 'bob'], server: 'c', tool: 'relay', port: c.port, upstream: c },
  { agents: ['ann', 'bob', 'cid'], server: 'tool', tool: 'get', port: tool.port, upstream: tool },
];

// The trace of the newest call a server got.
function traceAt(server) {
  const { traceparent } = server.last().meta;
  const { trace } = parse(traceparent) ?? {};
  if (!trace) throw new Error(`the server got ${traceparent} for a context`);
  return trace;
}

// Waits until everything of earlier calls has come: a span of a call made now comes after them.
async function settle({ world, backend }) {
  world.manner = BARE;
  const own = context();
  equal(said(await call(world.gateway, 'eve', 'tool/get', { at: own })), 'done', 'answer');
  const come = () => backend.desk.spans.some((span) => span.trace === own.trace && span.kind === 'SERVER' && span.name.startsWith('POST '));
  await until('the spans of a later call', come, 20000);
}

async function refused({ world, backend }, target, more, expected) {
  const own = context();
  const before = world.servers.tool.received.length;
  const answer = await call(world.gateway, 'ann', target, { at: own, ...more });
  equal(answer.status, 200, 'status');
  const spans = await backend.traced(own.trace, (found) => {
    const mine = callOf(found, world, 'ann');
    equal(mine.parent, own.id, 'parent');
    holds(mine, { 'hopgate.decision': 'deny', 'hopgate.call': answer.call, ...expected });
    request(found, mine, 'tool');
    equal(found.filter(({ kind }) => kind === 'CLIENT').length, 0, 'spans of a server being called');
  });
  equal(world.servers.tool.received.length, before, 'calls the server got');
  world.refused = answer.call;
  return { answer, mine: callOf(spans, world, 'ann') };
}

async function failed({ world, backend }, target, expected, more = {}) {
  const own = context();
  const answer = await call(world.gateway, 'ann', target, { at: own });
  await backend.traced(own.trace, (found) => {
    const mine = callOf(found, world, 'ann');
    request(found, mine, target.split('/')[0]);
    const sent = one(under(found, mine, 'CLIENT'), 'the server being called', () => true);
    for (const span of [mine, sent]) holds(span, { ...expected });
    equal(mine.attributes['hopgate.decision'], 'allow', 'decision');
    equal(sent.status, 'ERROR', 'status of the CLIENT span');
    equal(mine.status, more.server ?? 'ERROR', 'status of the SERVER span');
    if (more.type && !(sent.attributes['error.type']?.length > 0 && mine.attributes['error.type']?.length > 0)) throw new Error('no error.type');
  });
  return answer;
}

export const CASES = {
  async 'a chain of three agents is one tree'({ world, backend, canary }) {
    world.manner = INSTRUMENTED;
    const own = context();
    const answer = await within(backend.collector, 'ann', own, null, () => call(world.gateway, 'ann', 'b/relay', { at: own, args: { note: canary.argument } }));
    equal(said(answer), 'done', 'answer');
    const got = chain(world).map(({ upstream }) => upstream.last());
    const calls = [answer, world.answers.bob, world.answers.cid];
    const spans = await backend.traced(own.trace, (found) => {
      equal(rooted(found).id, own.id, 'the root');
      chain(world).reduce((parent, hop, at) => {
        const mine = callOf(found, world, hop.agents.at(-1));
        equal(mine.parent, parent, `parent of the call of ${hop.agents.at(-1)}`);
        equal(mine.attributes['hopgate.call'], calls[at].call, 'hopgate.call');
        const sent = passes(found, world, mine, hop);
        for (const told of [got[at].headers.traceparent, got[at].meta.traceparent]) {
          equal(told, traceparent({ trace: own.trace, id: sent.id }), `context that ${hop.server} got`);
        }
        request(found, mine, hop.server);
        return found.find((span) => span.parent === sent.id)?.id;
      }, own.id);
    });
    const mine = ['ann', 'bob', 'cid'].map((who) => callOf(spans, world, who));
    const [first, ...rest] = mine.map((span) => span.attributes['hopgate.hop']);
    equal(rest.join(), [first + 1, first + 2].join(), 'hops after the first');
    equal(new Set(mine.map((span) => span.attributes['hopgate.task'])).size, 3, 'tasks');
  },
  async 'Jaeger shows the same tree to people'({ world, backend }) {
    const trace = traceAt(world.servers.tool);
    const [{ spans, processes }] = JSON.parse(await backend.told(trace)).data;
    equal(new Set(Object.values(processes).map(({ serviceName }) => serviceName)).size, 4, 'services');
    const kinds = spans.flatMap(({ operationName, tags }) => tags.filter(({ key }) => key === 'span.kind').map(({ value }) => `${operationName} ${value}`));
    for (const [shown, count] of [['tools/call relay server', 2], ['tools/call relay client', 2], ['tools/call get server', 1], ['tools/call get client', 1]]) {
      equal(kinds.filter((kind) => kind === shown).length, count, shown);
    }
    const linked = spans.filter(({ references = [] }) => references.some(({ refType }) => refType === 'FOLLOWS_FROM'));
    equal(linked.length >= 3, true, 'calls linked to their HTTP requests');
  },
  async 'a caller without a context gets its trace from its task'({ world, backend }) {
    world.manner = BARE;
    equal(said(await call(world.gateway, 'dan', 'b/relay')), 'done', 'answer');
    const trace = traceAt(world.servers.tool);
    for (const server of Object.values(world.servers)) equal(traceAt(server), trace, 'trace');
    const look = (count) => (found) => {
      const root = rooted(found);
      equal(root.name, 'task dan', 'the root');
      equal(root.kind, 'INTERNAL', 'its kind');
      const calls = found.filter((span) => span.kind === 'SERVER' && span.attributes['mcp.method.name'] === 'tools/call');
      equal(calls.length, count, 'calls in the trace');
      for (const span of calls.filter(({ attributes }) => attributes['hopgate.agent'] === 'dan')) equal(span.parent, root.id, 'parent');
      for (const who of ['bob', 'cid']) {
        const task = one(found, `the task of ${who}`, (span) => span.name === `task ${who}`);
        for (const span of calls.filter(({ attributes }) => attributes['hopgate.agent'] === who)) equal(span.parent, task.id, `parent of the call of ${who}`);
      }
    };
    await backend.traced(trace, look(3));
    equal(said(await call(world.gateway, 'dan', 'b/relay')), 'done', 'answer');
    equal(traceAt(world.servers.tool), trace, "the next call's trace");
    await backend.traced(trace, look(6));
  },
  async 'a task is seen when it opens, and again when it ends'({ world, backend }) {
    const task = await world.gateway.open('eve');
    equal(said(await call(world.gateway, 'eve', 'tool/get', { task })), 'done', 'answer');
    const trace = traceAt(world.servers.tool);
    const spans = await backend.traced(trace, (found) => {
      equal(rooted(found).name, 'task eve', 'the root');
      holds(callOf(found, world, 'eve'), { 'hopgate.task': task });
    });
    const root = rooted(spans);
    const after = () => backend.desk.spans.filter((span) => span.name.startsWith('task eve') && span.links.some((link) => link.trace === trace && link.id === root.id));
    equal(after().length, 0, 'ends of an open task');
    const { status } = await world.gateway.end('eve', task);
    equal(status < 300, true, `DELETE gives ${status}, which is good`);
    const end = await until('its end', () => after()[0], 20000);
    equal(end.kind, 'INTERNAL', 'kind');
    equal(end.began >= root.began, true, 'the end comes after the beginning');
  },
  async "another context than the chain's is linked, not followed"({ world, backend }) {
    world.manner = STRAY;
    const own = context();
    equal(said(await call(world.gateway, 'ann', 'b/relay', { at: own })), 'done', 'answer');
    await backend.traced(own.trace, (found) => {
      const mine = callOf(found, world, 'cid');
      one(mine.links, 'a link to the stray context', (link) => link.trace === world.stray.trace && link.id === world.stray.id);
      equal(callOf(found, world, 'bob').links.length, 2, "links of bob's call");
    });
    await settle({ world, backend });
    equal(backend.desk.spans.filter(({ trace }) => trace === world.stray.trace).length, 0, 'spans in the stray trace');
  },
  async 'a context in the header alone is followed'({ world, backend }) {
    world.manner = BARE;
    const own = context();
    equal(said(await call(world.gateway, 'ann', 'tool/get', { at: own, way: 'header' })), 'done', 'answer');
    await backend.traced(own.trace, (found) => equal(callOf(found, world, 'ann').parent, own.id, 'parent'));
    const meta = context();
    equal(said(await call(world.gateway, 'ann', 'tool/get', { at: meta, way: 'meta', headers: { traceparent: traceparent(context()) } })), 'done', 'answer');
    await backend.traced(meta.trace, (found) => equal(callOf(found, world, 'ann').parent, meta.id, 'parent'));
  },
  async 'a broken context harms nobody'({ world, backend }) {
    const trace = 'f'.repeat(32);
    const broken = [`00-${trace}-0000000000000000-01`, `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`, `ff-${trace}-00f067aa0ba902b7-01`, `00-${trace}-00f067aa0ba902b7-01-more`, '00', '', 7, {}];
    for (const traceparent of broken) {
      const answer = await call(world.gateway, 'ann', 'tool/get', { meta: { traceparent } });
      equal(said(answer), 'done', `answer to ${JSON.stringify(traceparent)}`);
    }
    await settle({ world, backend });
    equal(backend.desk.spans.filter((span) => span.trace === trace).length, 0, 'spans in the trace of a broken context');
  },
  async 'a context counts only with a good proof'({ world, backend }) {
    const own = context();
    equal((await call(world.gateway, 'nobody', 'tool/get', { at: own })).status, 401, 'status');
    await settle({ world, backend });
    equal(backend.desk.spans.filter(({ trace }) => trace === own.trace).length, 0, 'spans in the trace of nobody');
  },
  async 'a caller that does not sample is not sampled'({ world, backend }) {
    const own = context();
    const unsampled = traceparent(own).replace(/01$/, '00');
    equal(said(await call(world.gateway, 'ann', 'tool/get', { meta: { traceparent: unsampled }, headers: { traceparent: unsampled } })), 'done', 'answer');
    equal(parse(world.servers.tool.last().meta.traceparent)?.sampled ?? false, false, 'the flag the server got');
    await settle({ world, backend });
    equal(backend.desk.spans.filter(({ trace }) => trace === own.trace).length, 0, 'spans in the trace');
  },
  async 'baggage stays at the gate'({ world, canary }) {
    const baggage = `user=${canary.baggage}`;
    equal(said(await call(world.gateway, 'ann', 'tool/get', { at: context(), meta: { baggage }, headers: { baggage } })), 'done', 'answer');
    const { headers, meta } = world.servers.tool.last();
    equal(headers.baggage, undefined, 'baggage header');
    equal(meta.baggage, undefined, 'baggage in _meta');
  },
  async 'a call a rule refuses has its span'({ world, backend, canary }) {
    const { answer, mine } = await refused({ world, backend }, 'tool/get', { args: { amount: 700, note: canary.argument } }, { 'hopgate.rule': 'nothing large', 'error.type': 'tool_error' });
    equal(said(answer), 'that is too much', 'answer');
    equal(mine.status, 'ERROR', 'status');
  },
  async 'a tool nobody may see has its span'({ world, backend }) {
    // Whoever asks for what is not there is wrong, not the server: by the conventions' table no error on this side.
    const { answer, mine } = await refused({ world, backend }, 'tool/hidden', {}, { 'error.type': undefined, 'rpc.response.status_code': '-32602' });
    equal(answer.message.error?.code, -32602, 'code');
    equal(mine.status, 'UNSET', 'status');
  },
  async 'a tool that fails is an error on both sides'({ world, backend }) {
    await failed({ world, backend }, 'tool/fail', { 'error.type': 'tool_error' });
  },
  async 'an error of the server is told by its code'({ world, backend }) {
    await failed({ world, backend }, 'tool/error', { 'error.type': '-32000', 'rpc.response.status_code': '-32000' });
  },
  async 'a server that cannot be reached is an error with a type'({ world, backend }) {
    equal((await failed({ world, backend }, 'gone/get', {}, { type: true })).status, 502, 'status');
  },
  async 'an answer to a server that asks is linked to the call that asked'({ world, backend }) {
    const [first, second] = [context(), context()];
    const asked = await call(world.gateway, 'ann', 'tool/ask', { at: first });
    equal(asked.message.result?.resultType, 'input_required', 'result');
    const more = { inputResponses: { who: { action: 'accept', content: {} } }, requestState: asked.message.result.requestState };
    equal(said(await call(world.gateway, 'ann', 'tool/ask', { at: second, more })), 'done', 'answer');
    const spans = await backend.traced(first.trace, (found) => one(found, 'the call that asked', ({ kind }) => kind === 'CLIENT'));
    const parked = spans.find(({ kind }) => kind === 'CLIENT');
    await backend.traced(second.trace, (found) => {
      const mine = callOf(found, world, 'ann');
      equal(mine.parent, second.id, 'parent');
      one(mine.links, 'a link to the call that asked', ({ trace, id }) => trace === parked.trace && id === parked.id);
    });
  },
  async 'a call in a session says so'({ world, backend }) {
    const own = context();
    equal(said(await session(world.gateway, 'ann', 'old/get', { at: own })), 'done', 'answer');
    const { headers, meta } = world.old.last();
    await backend.traced(own.trace, (found) => {
      const mine = callOf(found, world, 'ann');
      equal(mine.parent, own.id, 'parent');
      const sent = one(under(found, mine, 'CLIENT'), 'the server being called', () => true);
      for (const span of [mine, sent]) {
        holds(span, { 'mcp.protocol.version': LEGACY });
        equal(typeof span.attributes['mcp.session.id'], 'string', `mcp.session.id of the ${span.kind} span`);
      }
      for (const told of [headers.traceparent, meta.traceparent]) equal(told, traceparent(sent), 'context that the server got');
    });
  },
  async 'spans and numbers agree'({ world, backend }) {
    await settle({ world, backend });
    const known = new Map(backend.desk.spans.filter(({ service }) => service === world.service).map((span) => [span.id, span]));
    for (const [side, kind] of [['server', 'SERVER'], ['client', 'CLIENT']]) {
      const name = `mcp.${side}.operation.duration`;
      const count = [...known.values()].filter((span) => span.kind === kind && span.attributes['mcp.method.name'] === 'tools/call').length + UNSAMPLED;
      const labels = { mcp_method_name: 'tools/call' };
      const series = `mcp_${side}_operation_duration_seconds_count`;
      await until(`${count} in ${series}`, async () => {
        equal(total(await world.gateway.numbers(), series, labels), count, '/metrics');
        equal(total(await backend.collector.numbers(), series, { ...labels, service_name: world.service }), count, 'Prometheus behind the collector');
        return true;
      }, 20000);
      const point = backend.desk.points.findLast((one) => one.service === world.service && one.name === name);
      equal(point.unit, 's', `unit of ${name}`);
      equal(point.bounds.join(), BOUNDS.join(), `buckets of ${name}`);
      for (const forbidden of ['hopgate.agent', 'hopgate.task', 'hopgate.call', 'jsonrpc.request.id', 'mcp.session.id', 'mcp.resource.uri']) equal(point.attributes[forbidden], undefined, `${forbidden} on ${name}`);
    }
  },
  async 'operators and the collector read the same names'({ world, backend }) {
    const names = (samples) => new Set(samples.map(({ name }) => name).filter((name) => /^(hopgate|mcp)_/.test(name)));
    await until('the same names', async () => {
      const [here, there] = [names(await world.gateway.numbers()), names((await backend.collector.numbers()).filter(({ labels }) => labels.service_name === world.service))];
      equal([...here].filter((name) => !there.has(name)).join(), '', 'names that did not reach the collector');
      equal([...there].filter((name) => !here.has(name)).join(), '', 'names that only the collector has');
      return here.size > 5;
    }, 20000);
  },
  async 'log lines arrive as they are written'({ world, backend }) {
    const written = world.gateway.lines().filter(({ message }) => message === 'call refused').map((line) => line.call);
    equal(written.length >= 3, true, `${written.length} refusals in the log, which are enough`);
    await until('them at the backend', () => {
      const arrived = new Set(backend.desk.logs.filter((log) => log.service === world.service).map((log) => log.attributes.call));
      equal(written.filter((id) => !arrived.has(id)).join(), '', 'refusals that did not arrive');
      return true;
    }, 20000);
  },
};
