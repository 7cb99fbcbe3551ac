// The real gateway with telemetry, and agents that call agents through it.
//
// Ann calls `b`, which is the agent bob; bob calls `c`, which is the agent cid; cid calls `tool`, which is none. Bob and
// cid pass on what their caller's call brought, in the manner the test asks for: INSTRUMENTED agents make a span of
// their own, send it to the collector and call on within it; BARE ones know of hop tokens only; STRAY ones call on
// within a trace of their own that has nothing to do with it.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { freePort, start, stop, waitHttp } from '../conformance/processes.mjs';
import { listen, numbers } from './backend.mjs';

export const [INSTRUMENTED, BARE, STRAY] = ['instrumented', 'bare', 'stray'];
export const [REVISION, LEGACY] = ['2026-07-28', '2025-11-25'];
const AGENTS = ['ann', 'bob', 'cid', 'dan', 'eve'];

// === Contexts and spans of agents ===

const hex = (bytes) => crypto.randomBytes(bytes).toString('hex');
export const context = (trace = hex(16)) => ({ trace, id: hex(8) });
export const traceparent = ({ trace, id }) => `00-${trace}-${id}-01`;

export function parse(text) {
  const [, trace, id, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? '') ?? [];
  return trace && { trace, id, sampled: (parseInt(flags, 16) & 1) === 1 };
}

const now = () => String(BigInt(Date.now()) * 1000000n);

// Does what is asked within a span of `who`, whose parent is `parent`, and sends the span.
export async function within(collector, who, own, parent, work) {
  const began = now();
  const done = await work();
  await collector.take(who, { traceId: own.trace, spanId: own.id, parentSpanId: parent?.id ?? '', name: `${who} works`, kind: 1, startTimeUnixNano: began, endTimeUnixNano: now() });
  return done;
}

// === Callers ===

// A tool call. `at` is the caller's context, put into `_meta`, the header, or both; `more` are further parameters.
export function call(gateway, who, target, { at, way = 'both', hop, task, meta = {}, headers = {}, args = {}, more = {} } = {}) {
  const [server, name] = target.split('/');
  const said = at && traceparent(at);
  const params = {
    name,
    arguments: args,
    ...more,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': REVISION,
      'io.modelcontextprotocol/clientCapabilities': {},
      ...(said && way !== 'header' && { traceparent: said }),
      ...(hop && { 'dev.hopgate/hop': hop }),
      ...(task && { 'dev.hopgate/task': task }),
      ...meta,
    },
  };
  const head = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': REVISION,
    'mcp-method': 'tools/call',
    'mcp-name': name,
    authorization: `Bearer ${gateway.key(who)}`,
    ...(said && way !== 'meta' && { traceparent: said }),
    ...headers,
  };
  return send('POST', gateway.url(server), head, JSON.stringify({ jsonrpc: '2.0', id: gateway.next(), method: 'tools/call', params }));
}

// A session of the older revisions: opened, and a tool called in it.
export async function session(gateway, who, target, { at }) {
  const [server, name] = target.split('/');
  const head = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${gateway.key(who)}` };
  const post = (more, message) => send('POST', gateway.url(server), { ...head, ...more }, JSON.stringify({ jsonrpc: '2.0', ...message }));
  const hello = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'tests', version: '1' } };
  const opened = await post({}, { id: gateway.next(), method: 'initialize', params: hello });
  if (!opened.session) throw new Error(`no session: ${opened.status} ${opened.text}`);
  const inside = { 'mcp-session-id': opened.session, 'mcp-protocol-version': LEGACY };
  await post(inside, { method: 'notifications/initialized' });
  return post(inside, { id: gateway.next(), method: 'tools/call', params: { name, arguments: {}, _meta: { traceparent: traceparent(at) } } });
}

function send(method, url, headers, text = '') {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, timeout: 30000 }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part)).on('error', reject);
      answer.on('end', () => {
        const body = Buffer.concat(parts).toString();
        let message = {};
        try { message = JSON.parse(body); } catch { /* no JSON: the test sees the text */ }
        resolve({ status: answer.statusCode, text: body, message, call: answer.headers['hopgate-call'], session: answer.headers['mcp-session-id'] });
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.end(text);
  });
}

export const said = (answer) => answer.message.result?.content?.[0]?.text ?? `${answer.status} ${answer.text}`;

// === Servers ===

// A server that remembers what it got. `act` gives a tool call's result, or an error.
async function serve(act) {
  const received = [];
  const door = await listen(async ({ request, text, response }) => {
    const { id, method, params } = JSON.parse(text);
    let answer = { result: { resultType: 'complete', supportedVersions: [REVISION], capabilities: { tools: {} } } };
    if (method === 'tools/call') {
      const one = { headers: request.headers, params, meta: params._meta ?? {} };
      received.push(one);
      answer = await act(one);
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
  return { ...door, url: `${door.url}/mcp`, received, last: () => received.at(-1) };
}

const ASKS = {
  resultType: 'input_required',
  inputRequests: { who: { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } } } },
  requestState: 'what the server remembers',
};
const result = (text, more = {}) => ({ result: { resultType: 'complete', content: [{ type: 'text', text }], ...more } });

// A server of the revisions with sessions.
async function serveSessions() {
  const received = [];
  const door = await listen(({ request, text, response }) => {
    const { id, method, params } = text ? JSON.parse(text) : {};
    if (id === undefined) return response.writeHead(request.method === 'POST' ? 202 : 200).end();
    if (method === 'tools/call') received.push({ headers: request.headers, params, meta: params._meta ?? {} });
    const hello = { protocolVersion: LEGACY, capabilities: { tools: {} }, serverInfo: { name: 'old', version: '1' } };
    response.writeHead(200, { 'content-type': 'application/json', ...(method === 'initialize' && { 'mcp-session-id': hex(16) }) });
    return response.end(JSON.stringify({ jsonrpc: '2.0', id, result: method === 'initialize' ? hello : { content: [{ type: 'text', text: 'done' }] } }));
  });
  return { ...door, url: `${door.url}/mcp`, received, last: () => received.at(-1) };
}

// What the tool's server does with each tool.
const TOOLS = {
  // Asks once, and is done when it has its answer.
  ask: ({ requestState }) => (requestState ? result('done') : { result: ASKS }),
  fail: () => result('the tool has failed', { isError: true }),
  error: () => ({ error: { code: -32000, message: 'the server has failed' } }),
};

// A server that is the agent `who` and calls `next` with what it was called with.
function relay(world, who, next) {
  return serve(async ({ headers, meta, params }) => {
    const came = parse(meta.traceparent);
    const on = async (at) => {
      const answer = await call(world.gateway, who, next, { at, hop: headers['txn-token'], args: params.arguments, way: world.manner === STRAY ? 'meta' : 'both' });
      world.answers[who] = answer;
      return result(said(answer));
    };
    if (world.manner === STRAY) return on((world.stray = context()));
    if (world.manner === BARE || !came) return on();
    const own = context(came.trace);
    return within(world.collector, who, own, came, () => on(own));
  });
}

// === The gateway ===

const agent = (name, tools, hops) => `
[agents.${name}]
owner = "tests@example.com"
purpose = "plays ${name}"
expires = 2099-01-01
identity = ["keys:${name}"]
envelope = { tools = [${tools.map((tool) => `"${tool}"`)}], effects = ["read", "write", "persist", "destroy"], hops = ${hops} }
`;

const server = (name, url, more = 'protocol = "modern"') => `
[servers.${name}]
url = "${url}"
${more}
`;

const config = ({ port, admin, data, keys, telemetry, b, c, tool, old, gone }) => `[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "http://127.0.0.1:${port}"
data_dir = ${JSON.stringify(data)}
deadlines = { linger = "1ms" }

[log]
format = "json"

${telemetry}

[identities.keys]
kind = "key"
keys = [
${AGENTS.map((name) => `  { id = "${name}", hash = "sha256:${crypto.createHash('sha256').update(keys[name]).digest('hex')}" },`).join('\n')}
]
${AGENTS.map((name) => agent(name, ['b/**', 'c/**', 'tool/**', 'old/**', 'gone/**'], 3)).join('')}
${server('b', b, 'protocol = "modern"\nagent = "bob"')}
${server('c', c, 'protocol = "modern"\nagent = "cid"')}
${server('tool', tool)}
${server('old', old, 'protocol = "legacy"')}
${server('gone', gone)}
[[rules]]
name = "the chain"
tools = ["b/relay", "c/relay", "tool/get", "tool/fail", "tool/error", "tool/ask", "old/get", "gone/get"]
allow = true

[[rules]]
name = "nothing large"
tools = ["tool/get"]
args = { amount = { min = 500, present = true } }
deny = "that is too much"
`;

async function startGateway(binary, { settings, env, folder, tag, ...urls }) {
  const [port, admin] = [await freePort(), await freePort()];
  const keys = Object.fromEntries(AGENTS.map((name) => [name, `key-of-${name}-${hex(24)}`]));
  const place = path.join(folder, tag);
  fs.mkdirSync(place);
  const data = path.join(place, 'data');
  const file = path.join(place, 'hopgate.toml');
  fs.writeFileSync(file, config({ port, admin, data, keys, telemetry: settings, ...urls }));
  const log = path.join(place, 'gateway.log');
  const child = start(binary, ['serve', '--config', file], { cwd: place, log, env });
  const at = `http://127.0.0.1:${admin}`;
  await waitHttp(`${at}/readyz`, child, { ok: true });
  let id = 0;
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    port,
    log,
    keys: Object.values(keys),
    next: () => (id += 1),
    key: (name) => keys[name] ?? `no-key-of-${name}`,
    url: (name) => `${origin}/servers/${name}/mcp`,
    // What it has written, line by line.
    lines: () => fs.readFileSync(log, 'utf8').split('\n').flatMap((line) => { try { return [JSON.parse(line)]; } catch { return []; } }),
    tail: () => fs.readFileSync(log, 'utf8').slice(-3000),
    // What its operators read at /metrics.
    async numbers() {
      const token = fs.readFileSync(path.join(data, 'admin.token'), 'utf8').trim();
      return numbers((await send('GET', `${at}/metrics`, { authorization: `Bearer ${token}` })).text);
    },
    // A task by an agent's own wish; gives its id.
    async open(who) {
      const answer = await send('POST', `${origin}/tasks`, { authorization: `Bearer ${keys[who]}` });
      if (!answer.message.id) throw new Error(`no task: ${answer.status} ${answer.text}`);
      return answer.message.id;
    },
    end: (who, task) => send('DELETE', `${origin}/tasks/${task}`, { authorization: `Bearer ${keys[who]}` }),
    runs: () => child.exitCode === null && child.signalCode === null,
    stop: () => stop(child),
  };
}

// A gateway with its servers. `telemetry` gives the table from the collector's addresses.
export async function build(binary, { collector }, folder, tag, { telemetry, env = {} }) {
  const world = { manner: BARE, answers: {}, collector, stray: null };
  const [b, c] = [await relay(world, 'bob', 'c/relay'), await relay(world, 'cid', 'tool/get')];
  const [tool, old] = [await serve(({ params }) => TOOLS[params.name]?.(params) ?? result('done')), await serveSessions()];
  const gone = `http://127.0.0.1:${await freePort()}/mcp`;
  const service = env.OTEL_SERVICE_NAME ?? 'hopgate';
  const settings = telemetry(collector);
  // Numbers come every half second instead of every minute.
  const all = { OTEL_METRIC_EXPORT_INTERVAL: '500', ...env };
  const gateway = await startGateway(binary, { settings, env: all, folder, tag, b: b.url, c: c.url, tool: tool.url, old: old.url, gone });
  return Object.assign(world, {
    gateway,
    service,
    servers: { b, c, tool },
    old,
    async stop() { await gateway.stop(); for (const one of [b, c, tool, old]) one.close(); },
  });
}
