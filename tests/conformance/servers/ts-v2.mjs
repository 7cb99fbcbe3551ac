// Dual-era conformance fixture on the official TypeScript SDK v2 (registry packages only):
//   @modelcontextprotocol/server + @modelcontextprotocol/node, installed in the test cache.
// 2026-07-28: createMcpHandler (stateless, SEP-2243 header validation by the SDK).
// 2025-11-25: sessionful NodeStreamableHTTPServerTransport with an event store.
//   node ts-v2.mjs <port>      listens on 127.0.0.1 only, path /mcp
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { randomUUID, randomBytes } from 'node:crypto';
import { WORK } from './work.mjs';
const require = createRequire(`${process.env.HOPGATE_CACHE || `${process.env.HOME}/.cache/hopgate`}/peers/x.js`);
const S = require('@modelcontextprotocol/server');
const N = require('@modelcontextprotocol/node');
const { Server, createMcpHandler, inputRequired, createRequestStateCodec, ProtocolError, MissingRequiredClientCapabilityError, CLIENT_CAPABILITIES_META_KEY } = S;

const text = (t) => ({ type: 'text', text: t });
const reply = (t) => ({ content: [text(t)] });
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const obj = (properties = {}, required) => ({ type: 'object', properties, ...(required ? { required } : {}) });
const ask = (message, prop, type = 'string') => inputRequired.elicit({ message, requestedSchema: obj({ [prop]: { type } }, [prop]) });
const codec = createRequestStateCodec({ key: randomBytes(32) });

const SCHEMA_2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' }, contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: { type: 'string' }, email: { type: 'string' } },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] }, then: { required: ['phone'] }, else: { required: ['email'] },
  additionalProperties: false,
};

const needCap = (ctx, cap) => {
  const caps = ctx.mcpReq.envelope?.[CLIENT_CAPABILITIES_META_KEY] || {};
  if (!caps[cap]) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { [cap]: {} } });
};
const accepted = (ctx, key, prop, type = 'string') => {
  const r = ctx.mcpReq.inputResponses?.[key];
  return r && typeof r === 'object' && r.action === 'accept' && typeof r.content?.[prop] === type ? r.content[prop] : undefined;
};
const enums = obj({
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: [{ const: 'value1', title: 'First Option' }, { const: 'value2', title: 'Second Option' }, { const: 'value3', title: 'Third Option' }] },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: { type: 'array', items: { anyOf: [{ const: 'value1', title: 'First Choice' }, { const: 'value2', title: 'Second Choice' }, { const: 'value3', title: 'Third Choice' }] } },
});
const defaults = obj({ name: { type: 'string', default: 'John Doe' }, age: { type: 'integer', default: 30 }, score: { type: 'number', default: 95.5 }, status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' }, verified: { type: 'boolean', default: true } });
const push = async (ctx, message, requestedSchema) => { const r = await ctx.mcpReq.elicitInput({ message, requestedSchema }); return reply(`Elicitation completed: action=${r.action}, content=${JSON.stringify(r.content ?? {})}`); };

// name -> [description, inputSchema, handler(args, ctx, env), eras]
const TOOLS = {
  test_simple_text: ['Simple text', obj(), () => reply('This is a simple text response for testing.')],
  test_image_content: ['Image', obj(), () => ({ content: [{ type: 'image', data: PNG, mimeType: 'image/png' }] })],
  test_audio_content: ['Audio', obj(), () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] })],
  test_embedded_resource: ['Embedded resource', obj(), () => ({ content: [{ type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' } }] })],
  test_multiple_content_types: ['Mixed content', obj(), () => ({ content: [text('Multiple content types test:'), { type: 'image', data: PNG, mimeType: 'image/png' }, { type: 'resource', resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' } }] })],
  test_error_handling: ['Always fails', obj(), () => ({ isError: true, content: [text('This tool intentionally returns an error for testing')] })],
  test_tool_with_logging: ['Logs', obj(), async (_a, ctx) => { for (const m of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) { await ctx.mcpReq.log('info', m); await sleep(50); } return reply('Tool with logging executed successfully'); }],
  test_logging_tool: ['Logs at the request\'s level', obj(), async (_a, ctx) => { await ctx.mcpReq.log('info', 'evaluated'); return reply('Logging evaluated'); }],
  test_tool_with_progress: ['Progress', obj(), async (_a, ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) { if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` } }); await sleep(50); }
    return reply(String(progressToken));
  }],
  test_reconnection: ['Closes its stream mid-call (SEP-1699)', obj(), async (_a, ctx) => { ctx.http?.closeSSE?.(); await sleep(100); return reply('Reconnection test completed successfully.'); }, 'legacy'],
  test_sampling: ['Sampling', obj({ prompt: { type: 'string' } }, ['prompt']), async (a, ctx) => { const r = await ctx.mcpReq.requestSampling({ messages: [{ role: 'user', content: text(a.prompt) }], maxTokens: 100 }); return reply(`LLM response: ${r.content?.text ?? ''}`); }, 'legacy'],
  test_elicitation: ['Elicitation', obj({ message: { type: 'string' } }, ['message']), async (a, ctx) => { const r = await ctx.mcpReq.elicitInput({ message: a.message, requestedSchema: obj({ username: { type: 'string' }, email: { type: 'string' } }, ['username', 'email']) }); return reply(`User response: ${JSON.stringify(r)}`); }, 'legacy'],
  test_elicitation_sep1034_defaults: ['Elicitation defaults', obj(), (_a, ctx) => push(ctx, 'Please review', defaults), 'legacy'],
  test_elicitation_sep1330_enums: ['Elicitation enums', obj(), (_a, ctx) => push(ctx, 'Please choose', enums), 'legacy'],
  json_schema_2020_12_tool: ['JSON Schema 2020-12', SCHEMA_2020, (a) => reply(JSON.stringify(a))],
  test_header_params: ['Parameters mirrored into Mcp-Param-* (SEP-2243)', obj({ region: { type: 'string', 'x-mcp-header': 'Region' }, note: { type: 'string' } }), (a) => reply(`region=${a.region}`)],
  test_trigger_tool_change: ['Publishes tools/list_changed', obj(), (_a, _c, env) => { env.notify?.toolsChanged(); return reply('Mutation triggered'); }],
  test_trigger_prompt_change: ['Publishes prompts/list_changed', obj(), (_a, _c, env) => { env.notify?.promptsChanged(); return reply('Mutation triggered'); }],
  test_missing_capability: ['Needs sampling', obj(), (_a, ctx) => { needCap(ctx, 'sampling'); return reply('ok'); }, 'modern'],
  test_streaming_elicitation: ['Streams, then needs input', obj(), async (_a, ctx) => {
    if (accepted(ctx, 'user_name', 'name') !== undefined) return reply('done');
    needCap(ctx, 'elicitation');
    return inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } });
  }, 'modern'],
  test_input_required_result_elicitation: ['MRTR elicitation', obj(), (_a, ctx) => { const n = accepted(ctx, 'user_name', 'name'); return n !== undefined ? reply(`Hello, ${n}!`) : inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } }); }, 'modern'],
  test_input_required_result_sampling: ['MRTR sampling', obj(), (_a, ctx) => { const r = ctx.mcpReq.inputResponses?.capital_question; return r ? reply(String(r.content?.text ?? JSON.stringify(r.content))) : inputRequired({ inputRequests: { capital_question: inputRequired.createMessage({ messages: [{ role: 'user', content: text('What is the capital of France?') }], maxTokens: 100 }) } }); }, 'modern'],
  test_input_required_result_list_roots: ['MRTR roots', obj(), (_a, ctx) => { const r = ctx.mcpReq.inputResponses?.client_roots; return r?.roots ? reply(`Roots: ${r.roots.map((x) => x.uri).join(', ')}`) : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } }); }, 'modern'],
  test_input_required_result_request_state: ['MRTR requestState', obj(), async (_a, ctx) => ctx.mcpReq.inputResponses && ctx.mcpReq.requestState()?.k === 'rs' ? reply('state-ok') : inputRequired({ inputRequests: { confirm: ask('Please confirm', 'ok', 'boolean') }, requestState: await codec.mint({ k: 'rs' }) }), 'modern'],
  test_input_required_result_tampered_state: ['MRTR tampered state', obj(), async (_a, ctx) => ctx.mcpReq.inputResponses && ctx.mcpReq.requestState()?.k === 'ts' ? reply('state-ok') : inputRequired({ inputRequests: { confirm: ask('Please confirm', 'ok', 'boolean') }, requestState: await codec.mint({ k: 'ts' }) }), 'modern'],
  test_input_required_result_multiple_inputs: ['MRTR several inputs', obj(), async (_a, ctx) => {
    const r = ctx.mcpReq.inputResponses || {};
    if (r.user_name && r.greeting && r.client_roots) return reply(`Hello ${accepted(ctx, 'user_name', 'name')}`);
    return inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name'), greeting: inputRequired.createMessage({ messages: [{ role: 'user', content: text('Generate a greeting') }], maxTokens: 50 }), client_roots: inputRequired.listRoots() }, requestState: await codec.mint({ k: 'multi' }) });
  }, 'modern'],
  test_input_required_result_multi_round: ['MRTR rounds', obj(), async (_a, ctx) => {
    const st = ctx.mcpReq.requestState(); const name = accepted(ctx, 'step1', 'name'); const color = accepted(ctx, 'step2', 'color');
    if (st?.round === 2 && color !== undefined) return reply(`${st.name} likes ${color}`);
    if (st?.round === 1 && name !== undefined) return inputRequired({ inputRequests: { step2: ask('Step 2: What is your favorite color?', 'color') }, requestState: await codec.mint({ round: 2, name }) });
    return inputRequired({ inputRequests: { step1: ask('Step 1: What is your name?', 'name') }, requestState: await codec.mint({ round: 1 }) });
  }, 'modern'],
  test_input_required_result_capabilities: ['MRTR capability check', obj(), (_a, ctx) => {
    if (ctx.mcpReq.inputResponses) return reply('ok');
    const caps = ctx.mcpReq.envelope?.[CLIENT_CAPABILITIES_META_KEY] || {}; const q = {};
    if (caps.sampling) q.question = inputRequired.createMessage({ messages: [{ role: 'user', content: text('Say hi') }], maxTokens: 10 });
    if (caps.elicitation) q.user_name = ask('What is your name?', 'name');
    if (caps.roots) q.client_roots = inputRequired.listRoots();
    return Object.keys(q).length ? inputRequired({ inputRequests: q }) : reply('no capability');
  }, 'modern'],
  // Last: the suite takes the first tool it finds for some checks.
  ...WORK,
};

const RESOURCES = [
  { uri: 'test://static-text', name: 'Static Text Resource', mimeType: 'text/plain', description: 'A static text resource' },
  { uri: 'test://static-binary', name: 'Static Binary Resource', mimeType: 'image/png', description: 'A static binary resource' },
  { uri: 'test://watched-resource', name: 'Watched Resource', mimeType: 'text/plain', description: 'Can be subscribed to' },
];
const PROMPTS = {
  test_simple_prompt: [[], () => [{ role: 'user', content: text('This is a simple prompt for testing.') }]],
  test_prompt_with_arguments: [[{ name: 'arg1', required: true }, { name: 'arg2', required: true }], (a) => [{ role: 'user', content: text(`Prompt with arguments: arg1='${a.arg1}', arg2='${a.arg2}'`) }]],
  test_prompt_with_embedded_resource: [[{ name: 'resourceUri', required: true }], (a) => [{ role: 'user', content: { type: 'resource', resource: { uri: a.resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } } }, { role: 'user', content: text('Please process the embedded resource above.') }]],
  test_prompt_with_image: [[], () => [{ role: 'user', content: { type: 'image', data: PNG, mimeType: 'image/png' } }, { role: 'user', content: text('Please analyze the image above.') }]],
  test_input_required_result_prompt: [[], null],
};

function build(era, env) {
  const server = new Server({ name: 'ts-v2-fixture', version: '1.0.0' }, {
    capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, completions: {}, logging: {} },
    requestState: { verify: codec.verify },
  });
  server.setRequestHandler('tools/list', () => ({ tools: Object.entries(TOOLS).filter(([, t]) => !t[3] || t[3] === era).map(([name, t]) => ({ name, description: t[0], inputSchema: t[1] })) }));
  server.setRequestHandler('tools/call', async (req, ctx) => {
    const t = TOOLS[req.params.name];
    if (!t) throw new ProtocolError(-32602, `Unknown tool: ${req.params.name}`);
    return t[2](req.params.arguments ?? {}, ctx, env);
  });
  server.setRequestHandler('resources/list', () => ({ resources: RESOURCES }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'Resource Template', mimeType: 'application/json' }] }));
  server.setRequestHandler('resources/read', (req) => {
    const { uri } = req.params; const m = uri.match(/^test:\/\/template\/([^/]+)\/data$/);
    if (uri === 'test://static-text') return { contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }] };
    if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: PNG }] };
    if (uri === 'test://watched-resource') return { contents: [{ uri, mimeType: 'text/plain', text: 'Watched resource content' }] };
    if (m) return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id: m[1], templateTest: true, data: `Data for ID: ${m[1]}` }) }] };
    throw new ProtocolError(era === 'modern' ? -32602 : -32002, `Resource not found: ${uri}`, { uri });
  });
  server.setRequestHandler('prompts/list', () => ({ prompts: Object.entries(PROMPTS).filter(([, p]) => p[1] || era === 'modern').map(([name, p]) => ({ name, description: name, arguments: p[0] })) }));
  server.setRequestHandler('prompts/get', (req, ctx) => {
    const p = PROMPTS[req.params.name]; if (!p) throw new ProtocolError(-32602, `Unknown prompt: ${req.params.name}`);
    if (p[1]) return { messages: p[1](req.params.arguments ?? {}) };
    const c = accepted(ctx, 'user_context', 'context');
    return c !== undefined ? { messages: [{ role: 'user', content: text(`Context: ${c}`) }] } : inputRequired({ inputRequests: { user_context: ask('What context should the prompt use?', 'context') } });
  });
  server.setRequestHandler('completion/complete', (req) => ({ completion: { values: ['paris', 'park', 'party'].filter((v) => v.startsWith(req.params.argument.value)), total: 3, hasMore: false } }));
  if (era === 'legacy') {
    env.notify = { toolsChanged: () => server.sendToolListChanged(), promptsChanged: () => server.sendPromptListChanged() };
    server.setRequestHandler('resources/subscribe', () => ({}));
    server.setRequestHandler('resources/unsubscribe', () => ({}));
  }
  return server;
}

class EventStore {
  events = [];
  async storeEvent(streamId, message) { const id = `${streamId}::${this.events.length}`; this.events.push({ id, streamId, message }); return id; }
  async getStreamIdForEventId(id) { return id.split('::')[0]; }
  async replayEventsAfter(last, { send }) {
    const streamId = last.split('::')[0]; const at = this.events.findIndex((e) => e.id === last);
    for (const e of this.events.slice(at + 1)) if (e.streamId === streamId && Object.keys(e.message).length) await send(e.id, e.message);
    return streamId;
  }
}

const env = {};
const modern = createMcpHandler(() => build('modern', env), { legacy: 'reject' });
env.notify = modern.notify;
const modernNode = N.toNodeHandler(modern);
const sessions = new Map();
const hostOk = N.localhostHostValidation(); const originOk = N.localhostOriginValidation();
const json = (res, status, body) => { res.writeHead(status, { 'content-type': 'application/json' }); res.end(JSON.stringify(body)); };
const body = (req) => new Promise((res) => { const b = []; req.on('data', (d) => b.push(d)); req.on('end', () => res(Buffer.concat(b))); });

createServer(async (req, res) => {
  if (!hostOk(req, res) || !originOk(req, res)) return;
  if (new URL(req.url, 'http://x').pathname !== '/mcp') return json(res, 404, {});
  try {
    const raw = req.method === 'POST' ? await body(req) : undefined;
    let parsed; if (raw) { try { parsed = JSON.parse(raw); } catch { return json(res, 400, { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } }); } }
    const sid = req.headers['mcp-session-id'];
    if (sid) {
      const s = sessions.get(sid);
      if (!s) return json(res, 404, { jsonrpc: '2.0', id: parsed?.id ?? null, error: { code: -32001, message: 'Session not found' } });
      return await s.handleRequest(req, res, parsed);
    }
    if (parsed?.method === 'initialize' && !parsed.params?._meta?.['io.modelcontextprotocol/protocolVersion']) {
      const transport = new N.NodeStreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, eventStore: new EventStore(), retryInterval: 500, onsessioninitialized: (id) => sessions.set(id, transport), onsessionclosed: (id) => sessions.delete(id) });
      await build('legacy', {}).connect(transport);
      return await transport.handleRequest(req, res, parsed);
    }
    if (req.method !== 'POST') return json(res, 400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'No session' } });
    return await modernNode(req, res, parsed);
  } catch (e) { console.error(e); if (!res.headersSent) json(res, 500, { jsonrpc: '2.0', id: null, error: { code: -32603, message: String(e.message) } }); }
}).listen(Number(process.argv[2] || 3000), '127.0.0.1', () => console.log(`ts-v2 on ${process.argv[2]}`));
