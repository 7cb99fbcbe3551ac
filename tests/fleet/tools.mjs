// The MCP server behind the gateways: it keeps its own ledger of every call that reached it, and when.
import crypto from 'node:crypto';
import http from 'node:http';

export const [REVISION, LEGACY] = ['2026-07-28', '2025-11-25'];

// Tools: `echo`, `slow` (half a second), `count` (an event every 100 ms, `to` of them, then the result).
export async function startTools() {
  const ledger = [];
  const open = new Set();
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    if (request.method === 'GET') return listen(response);
    const { id, method, params } = parts.length ? JSON.parse(Buffer.concat(parts)) : {};
    if (id === undefined) return response.writeHead(request.method === 'POST' ? 202 : 200).end();
    const old = request.url.startsWith('/old');
    if (method !== 'tools/call') return answer(response, id, describe(method, old), method === 'initialize');
    const { mark, who, task, to = 0 } = params.arguments;
    const line = { mark, who, task, tool: params.name, began: Date.now() };
    ledger.push(line);
    response.on('close', () => { line.ended = Date.now(); });
    if (params.name === 'slow') await sleep(500);
    if (params.name === 'count') return count(response, id, to, old);
    return answer(response, id, { ...text(mark), ...(old ? {} : { resultType: 'complete' }) });
  });

  function listen(response) {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':open\n\n');
    open.add(response);
    response.on('close', () => open.delete(response));
  }

  async function count(response, id, to, old) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let at = 1; at <= to && !response.destroyed; at += 1) {
      const params = { level: 'info', data: at };
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })}\n\n`);
      await sleep(100);
    }
    const result = { ...text(String(to)), ...(old ? {} : { resultType: 'complete' }) };
    response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
  }

  // Longer than gateways keep a connection at rest, or one might be closed in the moment it is used.
  server.keepAliveTimeout = 120_000;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    url: (name) => `${origin}/${name}/mcp`,
    // Every call so far: { mark, who, task, tool, began, ended }, times in ms since the epoch.
    ledger,
    listening: () => open.size,
    close: () => { server.close(); server.closeAllConnections(); },
  };
}

function describe(method, old) {
  if (method === 'initialize') return { protocolVersion: LEGACY, capabilities: { tools: {}, logging: {} }, serverInfo: { name: 'tools', version: '1' } };
  return old ? {} : { resultType: 'complete', supportedVersions: [REVISION], capabilities: { tools: {}, logging: {} } };
}

function answer(response, id, result, opens = false) {
  const head = { 'content-type': 'application/json', ...(opens && { 'mcp-session-id': crypto.randomBytes(16).toString('hex') }) };
  response.writeHead(200, head).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
}

const text = (said) => ({ content: [{ type: 'text', text: said }], isError: false });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
