// MCP servers that need a credential: one that asks a PostgreSQL as whoever calls it, and one that says what it was shown.
import crypto from 'node:crypto';
import http from 'node:http';

export const [REVISION, LEGACY] = ['2026-07-28', '2025-11-25'];

// At /ledger, /old (with sessions) and so on tools ask the database; at /shown they do not.
export async function startServers(postgres) {
  // What a credential was used as, so that nothing the gateway writes may hold it.
  const used = new Set();
  const held = [];
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { id, method, params } = parts.length ? JSON.parse(Buffer.concat(parts)) : {};
    if (id === undefined) return response.writeHead(request.method === 'POST' ? 202 : 200).end();
    const old = request.url.startsWith('/old');
    const answer = await act({ request, method, params, old }).catch((error) => text(`failed: ${error.stderr ?? error.message}`, true));
    response.writeHead(200, { 'content-type': 'application/json', ...(method === 'initialize' && { 'mcp-session-id': crypto.randomBytes(16).toString('hex') }) });
    return response.end(JSON.stringify({ jsonrpc: '2.0', id, result: old ? answer : { resultType: 'complete', ...answer } }));
  });

  async function act({ request, method, params, old }) {
    if (method === 'initialize') return { protocolVersion: LEGACY, capabilities: { tools: {} }, serverInfo: { name: 'ledger', version: '1' } };
    if (method !== 'tools/call') return old ? {} : { supportedVersions: [REVISION], capabilities: { tools: {} } };
    const { authorization = '' } = request.headers;
    if (request.url.startsWith('/shown')) {
      used.add(authorization.replace(/^\w+ /, ''));
      return text(`${authorization.length} ${crypto.createHash('sha256').update(authorization).digest('hex')}`);
    }
    const [user, password] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString().split(':');
    used.add(password);
    if (params.name === 'wait') await new Promise((resolve) => held.push(resolve));
    const [who, balance] = (await postgres.as(user, password, 'SELECT current_user, sum(amount) FROM ledger')).join().split('|');
    return text(`${who} sees ${balance}`);
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    url: (name) => `${origin}/${name}/mcp`,
    used,
    waiting: () => held.length,
    // Lets tools go on that wait.
    release: () => held.splice(0).forEach((go) => go()),
    close: () => { server.close(); server.closeAllConnections(); },
  };
}

const text = (said, isError = false) => ({ content: [{ type: 'text', text: said }], isError });
