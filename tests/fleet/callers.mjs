// Who calls: agents that keep connections, never try anything again, and write down what became of each call.
import http from 'node:http';
import { LEGACY, REVISION } from './tools.mjs';

const HEAD = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
let marks = 0;

// One exchange; `status` is 0 where there was no answer, and `error` says why.
export function send({ origin, pool, method = 'POST', where, headers, body, ms = 30000, onEvent }) {
  return new Promise((resolve) => {
    const began = Date.now();
    const end = (more) => resolve({ began, ended: Date.now(), headers: {}, text: '', message: {}, ...more });
    const request = http.request(`${origin}${where}`, { agent: pool, method, headers, timeout: ms }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { text += part; onEvent?.(part); });
      answer.on('error', (error) => end({ status: 0, error: `broken off: ${error.message}`, text }));
      answer.on('end', () => end({ status: answer.statusCode, headers: answer.headers, text, message: parse(text, answer.headers['content-type']) }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error) => end({ status: 0, error: error.message }));
    request.end(body && JSON.stringify(body));
  });
}

// The message, or the last one of a stream.
function parse(text, type = '') {
  const last = type.startsWith('text/event-stream') ? text.split('\n').filter((line) => line.startsWith('data: ')).at(-1)?.slice(6) : text;
  try { return JSON.parse(last); } catch { return {}; }
}

// An agent at an origin. Its ledger has every call: { mark, tool, task, status, began, ended, message, error }.
export function caller({ origin, agent, pool, ledger = [] }) {
  const proof = { authorization: `Bearer ${agent.key}` };
  const self = {
    agent,
    ledger,
    async call(tool, { args = {}, task, server = 'tools', ...more } = {}) {
      marks += 1;
      const mark = `${agent.name}-${marks}`;
      const meta = { 'io.modelcontextprotocol/protocolVersion': REVISION, 'io.modelcontextprotocol/clientCapabilities': {}, ...(task && { 'dev.hopgate/task': task }) };
      const params = { name: tool, arguments: { mark, who: agent.name, ...(task && { task }), ...args }, _meta: meta };
      const headers = { ...HEAD, ...proof, 'mcp-protocol-version': REVISION, 'mcp-method': 'tools/call', 'mcp-name': tool };
      const answer = await send({ origin, pool, where: `/servers/${server}/mcp`, headers, body: { jsonrpc: '2.0', id: marks, method: 'tools/call', params }, ...more });
      const line = { mark, tool, task, ...answer };
      ledger.push(line);
      return line;
    },
    async open() {
      const answer = await send({ origin, pool, where: '/tasks', headers: proof });
      return { ...answer, id: answer.message.id };
    },
    close: (task) => send({ origin, pool, method: 'DELETE', where: `/tasks/${task}`, headers: proof }),
    // A session of the older revisions.
    async session() {
      const where = '/servers/old/mcp';
      const head = { ...HEAD, ...proof };
      const hello = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'tests', version: '1' } };
      const opened = await send({ origin, pool, where, headers: head, body: { jsonrpc: '2.0', id: 1, method: 'initialize', params: hello } });
      const inside = { ...head, 'mcp-session-id': opened.headers['mcp-session-id'], 'mcp-protocol-version': LEGACY };
      if (!inside['mcp-session-id']) throw new Error(`no session: ${opened.status} ${opened.text}`);
      await send({ origin, pool, where, headers: inside, body: { jsonrpc: '2.0', method: 'notifications/initialized' } });
      return {
        async call(tool, args = {}, at = origin) {
          marks += 1;
          const mark = `${agent.name}-${marks}`;
          const params = { name: tool, arguments: { mark, who: agent.name, ...args } };
          const answer = await send({ origin: at, pool, where, headers: inside, body: { jsonrpc: '2.0', id: marks, method: 'tools/call', params } });
          ledger.push({ mark, tool, ...answer });
          return ledger.at(-1);
        },
        listen: (more) => send({ origin, pool, method: 'GET', where, headers: { ...inside, accept: 'text/event-stream' }, ...more }),
        close: () => send({ origin, pool, method: 'DELETE', where, headers: inside }),
      };
    },
  };
  return self;
}

export const said = (answer) => answer.message.result?.content?.[0]?.text;
export const isAnswered = (answer) => answer.status === 200 && said(answer) === answer.mark;
export const newPool = (most = 256) => new http.Agent({ keepAlive: true, maxSockets: most });

// Calls by the clock, `rate` a second, whatever becomes of those before, until `stop` is called; then waits for the last.
export function storm(rate, make) {
  const began = performance.now();
  const open = new Set();
  let made = 0;
  let over = false;
  const tick = () => {
    if (over) return;
    for (const due = ((performance.now() - began) / 1000) * rate; made < due; made += 1) {
      const calling = make(made).finally(() => open.delete(calling));
      open.add(calling);
    }
    setTimeout(tick, 5);
  };
  tick();
  return { made: () => made, async stop() { over = true; await Promise.all(open); return made; } };
}
