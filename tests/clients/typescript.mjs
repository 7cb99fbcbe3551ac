// The official TypeScript SDKs as agents: typescript.mjs v1|v2 legacy|modern TS_URL PY_URL EVERYTHING_URL
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const [sdk, era, TS, PY, EVERYTHING] = process.argv.slice(2);
const require = createRequire(path.join(process.env.HOPGATE_CACHE, 'peers/x.js'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const legacy = era === 'legacy';

const ANSWER = { username: 'é "q"', email: 'a@example.org' };
const elicited = () => ({ action: 'accept', content: { ...ANSWER, name: 'Zoë' } });
const sampled = (request) => ({ role: 'assistant', model: 'm', content: { type: 'text', text: `sampled:${request.params.messages[0].content.text}` } });

async function v1(url, events) {
  const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const types = await load('@modelcontextprotocol/sdk/types.js');
  const client = new Client({ name: 'tester', version: '1' }, { capabilities: { elicitation: {}, sampling: {}, roots: {} } });
  client.setRequestHandler(types.ElicitRequestSchema, async () => elicited());
  client.setRequestHandler(types.CreateMessageRequestSchema, async (request) => sampled(request));
  client.setNotificationHandler(types.ToolListChangedNotificationSchema, () => events.push('tools'));
  client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, (note) => events.push(note.params.uri));
  const transport = new StreamableHTTPClientTransport(new URL(url), { reconnectionOptions: { initialReconnectionDelay: 100, maxReconnectionDelay: 500, reconnectionDelayGrowFactor: 1.2, maxRetries: 50 } });
  await client.connect(transport);
  return { client, transport, call: (name, args, more) => client.callTool({ name, arguments: args }, undefined, more) };
}

async function v2(url, events) {
  const { Client, StreamableHTTPClientTransport } = await load('@modelcontextprotocol/client');
  const client = new Client({ name: 'tester', version: '1' }, { capabilities: { elicitation: {}, sampling: {}, roots: {} }, versionNegotiation: { mode: legacy ? 'legacy' : { pin: '2026-07-28' } } });
  client.setRequestHandler('elicitation/create', async () => elicited());
  client.setRequestHandler('sampling/createMessage', async (request) => sampled(request));
  client.setNotificationHandler('notifications/tools/list_changed', () => events.push('tools'));
  client.setNotificationHandler('notifications/resources/updated', (note) => events.push(note.params.uri));
  const transport = new StreamableHTTPClientTransport(new URL(url), { reconnectionOptions: { initialReconnectionDelay: 100, maxReconnectionDelay: 500, reconnectionDelayGrowFactor: 1.2, maxRetries: 50 } });
  await client.connect(transport);
  return { client, transport, call: (name, args, more) => client.callTool({ name, arguments: args }, more) };
}

const connect = async (url, events = []) => ({ ...(await (sdk === 'v1' ? v1 : v2)(url, events)), events });
const said = (result) => result.content[0].text;
const report = async (agent, key) => JSON.parse(said(await agent.call('work_report', { key })));
async function until(what, check) {
  for (let i = 0; i < 200; i++) { if (await check()) return; await sleep(50); }
  assert.fail(`did not happen: ${what}`);
}
const key = () => `${sdk}-${era}-${Math.random()}`;

const CASES = {
  async lists_and_calls() {
    for (const url of [TS, PY]) {
      const { client, call } = await connect(url);
      const { tools } = await client.listTools();
      assert(tools.some((tool) => tool.name === 'test_simple_text'));
      assert.match(said(await call('test_simple_text', {})), /simple text response/);
      assert((await client.listResources()).resources.length > 0);
      assert((await client.listPrompts()).prompts.length > 0);
      assert.match((await client.readResource({ uri: 'test://static-text' })).contents[0].text, /static text/);
      await assert.rejects(call('no_such_tool', {}));
      await client.close();
    }
  },
  async progress_arrives_live() {
    const { client, call } = await connect(TS);
    const times = [];
    await call('work_slow', { key: key(), steps: 5, every: 200 }, { onprogress: () => times.push(Date.now()), timeout: 20000 });
    assert.equal(times.length, 5);
    assert(times[4] - times[0] > 500, `came together: ${times.map((time) => time - times[0])}`);
    await client.close();
  },
  async a_cancelled_call_stops() {
    const agent = await connect(TS);
    const stop = new AbortController();
    const own = key();
    const call = agent.call('work_slow', { key: own, steps: 100, every: 100 }, { signal: stop.signal, onprogress: () => stop.abort('enough') });
    await assert.rejects(call);
    await until('the server stops', async () => (await report(agent, own)).aborted === 1);
    assert.equal((await report(agent, own)).begun, 1);
    await agent.client.close();
  },
  // A legacy client that goes away has not cancelled; a modern one has.
  async a_disconnect_means_what_the_era_says() {
    const [agent, watcher] = [await connect(TS), await connect(TS)];
    const own = key();
    let steps = 0;
    const call = agent.call('work_slow', { key: own, steps: 10, every: 100 }, { onprogress: () => steps++, timeout: 20000 }).catch(() => {});
    await until('it runs', () => steps > 0);
    await agent.transport.close();
    await call;
    await until('it ends', async () => { const state = await report(watcher, own); return state.finished + state.aborted > 0; });
    const state = await report(watcher, own);
    assert.deepEqual([state.finished, state.aborted], legacy ? [1, 0] : [0, 1]);
    await watcher.client.close();
  },
  async elicited_content_arrives() {
    const { client, call } = await connect(TS);
    const text = legacy ? said(await call('test_elicitation', { message: 'Who?' })) : said(await call('test_input_required_result_elicitation', {}));
    assert(legacy ? text.includes(JSON.stringify(ANSWER.username)) : text.includes('Zoë'), text);
    await client.close();
  },
  async sampled_content_arrives() {
    const { client, call } = await connect(TS);
    const text = legacy ? said(await call('test_sampling', { prompt: 'Wie geht’s?' })) : said(await call('test_input_required_result_sampling', {}));
    assert(text.includes(legacy ? 'sampled:Wie geht’s?' : 'sampled:What is the capital'), text);
    await client.close();
  },
  async questions_on_the_calls_own_stream_are_answered() {
    const { client, call } = await connect(PY);
    const text = legacy ? said(await call('test_sampling', { prompt: 'py' })) : said(await call('test_input_required_result_request_state', {}));
    assert(text.includes(legacy ? 'sampled:py' : 'state-ok'), text);
    await client.close();
  },
  async answers_never_cross() {
    const agents = await Promise.all([...Array(8)].map(() => connect(TS)));
    await Promise.all(agents.flatMap((agent, who) => [...Array(25)].map(async (_, which) => {
      const text = `${who}/${which}/${Math.random()}`;
      assert.equal(said(await agent.call('work_echo', { text })), text);
    })));
    await Promise.all(agents.map((agent) => agent.client.close()));
  },
  async a_call_is_executed_once() {
    const agent = await connect(TS);
    const own = key();
    for (let i = 1; i <= 30; i++) assert.equal(said(await agent.call('work_count', { key: own })), String(i));
    await agent.client.close();
  },
  async large_bodies_pass() {
    const { client, call } = await connect(TS);
    const text = 'ü"\\ '.repeat(130000);
    assert.equal(said(await call('work_echo', { text })), text);
    // An event of a stream is bounded (1 MiB unless configured); a plain answer is not.
    const size = legacy ? 900000 : 12 << 20;
    assert.equal(said(await call('work_big', { size })).length, size);
    await client.close();
  },
  async list_changes_arrive() {
    const agent = await connect(TS);
    if (!legacy) await agent.client.listen({ toolsListChanged: true });
    else await sleep(300);
    await agent.call('test_trigger_tool_change', {});
    await until('tools/list_changed', () => agent.events.includes('tools'));
    await agent.client.close();
  },
  async an_idle_stream_stays() {
    const agent = await connect(TS);
    if (!legacy) await agent.client.listen({ toolsListChanged: true });
    await sleep(40000);
    await agent.call('test_trigger_tool_change', {});
    await until('tools/list_changed', () => agent.events.includes('tools'));
    await agent.client.close();
  },
  ...(legacy && {
    async a_real_server_works() {
      const { client, call, events } = await connect(EVERYTHING);
      assert.match(said(await call('get-sum', { a: 2, b: 3 })), /5/);
      const { resources } = await client.listResources();
      await client.subscribeResource({ uri: resources[0].uri });
      await call('toggle-subscriber-updates', {});
      await until('resources/updated', () => events.includes(resources[0].uri));
      const times = [];
      await call('trigger-long-running-operation', { duration: 2, steps: 4 }, { onprogress: () => times.push(Date.now()) });
      assert(times.at(-1) - times[0] > 800, `came together: ${times.map((time) => time - times[0])}`);
      await client.close();
    },
  }),
};

// The gateway is replaced while a call runs and its client waits: the stream is resumed, the call runs once, the session lives on.
async function a_restart_loses_nothing() {
  const agent = await connect(TS);
  const own = key();
  let steps = 0;
  const running = agent.call('work_slow', { key: own, steps: 20, every: 200 }, { onprogress: () => steps++, timeout: 30000, resetTimeoutOnProgress: true }).then((result) => said(result), (error) => `error: ${error.message}`);
  await until('its stream is open', () => steps > 0);
  console.log('RESTART');
  await input.next();
  const outcome = await running;
  if (legacy) assert.equal(outcome, '20 steps');
  else assert.match(outcome, /steps|error/);
  await until('it goes on', () => report(agent, own).then(() => true, () => false));
  assert.equal((await report(agent, own)).begun, 1);
  await agent.client.close();
}

async function judge(name, test) {
  try { await test(); console.log(`PASS ${name}`); } catch (error) { console.log(`FAIL ${name}: ${String(error?.stack ?? error).replace(/\s+/g, ' ').slice(0, 500)}`); }
}
// One after the other, so that a large body of one case does not hold up the clock of another; only the idle one waits beside them.
const idle = judge('an_idle_stream_stays', CASES.an_idle_stream_stays);
for (const [name, test] of Object.entries(CASES)) if (test !== CASES.an_idle_stream_stays) await judge(name, test);
await idle;
await judge('a_restart_loses_nothing', a_restart_loses_nothing);
process.exit(0);
