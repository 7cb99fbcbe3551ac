// What a trace must look like: the assertions all cases share.

export function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}`);
}

export function holds(span, expected) {
  for (const [name, value] of Object.entries(expected)) equal(span.attributes[name], value, `${name} of ${span.kind} ${span.name}`);
}

// The one span that is so.
export function one(spans, what, test) {
  const found = spans.filter(test);
  if (found.length !== 1) throw new Error(`${found.length} times instead of once: ${what}`);
  return found[0];
}

export const under = (spans, parent, kind) => spans.filter((span) => span.parent === parent.id && span.kind === kind);

// Every span has its parent in the trace, but for one, which has none. Gives that one.
export function rooted(spans) {
  for (const span of spans) {
    if (span.parent && !spans.some(({ id }) => id === span.parent)) throw new Error(`the parent ${span.parent} of ${span.kind} ${span.name} is missing`);
  }
  return one(spans, 'a root', (span) => !span.parent);
}

// The gateway's span of a call by `agent`, in a world of which a trace may hold several.
export const callOf = (spans, world, agent) => one(
  spans,
  `the call of ${agent}`,
  (span) => span.service === world.service && span.kind === 'SERVER' && span.attributes['mcp.method.name'] === 'tools/call' && span.attributes['hopgate.agent'] === agent,
);

// The span of the HTTP request a call came with: linked, wherever it is.
export function request(spans, call, server) {
  const linked = spans.filter((span) => call.links.some((link) => link.trace === span.trace && link.id === span.id));
  const found = one(linked, `the HTTP span that ${call.name} links`, (span) => span.kind === 'SERVER' && span.name === `POST /servers/${server}/mcp`);
  equal('mcp.method.name' in found.attributes, false, 'an HTTP span that speaks MCP');
  return found;
}

// What the gateway does for one call that passes. Gives its CLIENT span.
export function passes(spans, world, call, { agents, server, tool, port }) {
  equal(call.name, `tools/call ${tool}`, 'name');
  equal(call.status, 'UNSET', `status of ${call.name}`);
  const mcp = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': tool, 'gen_ai.operation.name': 'execute_tool', 'mcp.protocol.version': '2026-07-28', 'network.transport': 'tcp' };
  holds(call, { ...mcp, 'hopgate.agent': agents.at(-1), 'hopgate.chain': agents.join('>'), 'hopgate.decision': 'allow', 'hopgate.rule': 'the chain', 'error.type': undefined, 'mcp.session.id': undefined });
  for (const name of ['hopgate.task', 'hopgate.call', 'jsonrpc.request.id']) equal(typeof call.attributes[name], 'string', `${name} of ${call.name}`);
  const inside = under(spans, call, 'INTERNAL').map(({ name }) => name);
  for (const name of ['identify', 'decide', 'admit']) equal(inside.filter((found) => found === name).length, 1, `${name} within the call of ${agents.at(-1)}`);
  const sent = one(under(spans, call, 'CLIENT'), `${server} being called by ${agents.at(-1)}`, () => true);
  equal(sent.name, `tools/call ${tool}`, 'name');
  holds(sent, { ...mcp, 'server.address': '127.0.0.1', 'server.port': port, 'error.type': undefined });
  for (const span of [...under(spans, call, 'INTERNAL'), sent]) {
    if (span.began < call.began || span.ended > call.ended) throw new Error(`${span.name} is not within ${call.name}`);
  }
  equal(sent.service, world.service, 'service');
  return sent;
}
