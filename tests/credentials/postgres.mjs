// Tools that ask a real PostgreSQL with what their calls carry: a role that was not there before the task and is gone
// after it, whatever ends it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { call, said, send } from '../oauth/world.mjs';
import { startPostgres } from './database.mjs';
import { holding, startGateway, until } from './gateway.mjs';

const SETUP = [
  ['postgres', "CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'maker maker maker'"],
  ['postgres', 'CREATE ROLE reader'],
  ['postgres', 'CREATE DATABASE ledger'],
  ['ledger', 'CREATE TABLE entries AS SELECT generate_series(1, 3) AS amount; GRANT SELECT ON entries TO reader'],
];
const SOON_MS = 5000;

// An MCP server of the stateless revision whose one tool asks the database as whoever its caller says.
async function startTool(database) {
  const passwords = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part)).on('end', () => {
      const [user, password] = Buffer.from(request.headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString().split(':');
      passwords.push(password);
      const { id, params } = JSON.parse(Buffer.concat(parts).toString());
      let result;
      try {
        const text = database.as(user, password, params.arguments.text);
        result = { content: [{ type: 'text', text }], resultType: 'complete' };
      } catch (error) {
        result = { content: [{ type: 'text', text: error.message }], isError: true, resultType: 'complete' };
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, passwords };
}

async function build({ binary, folder }, more = '') {
  const database = await startPostgres(folder, SETUP);
  const tool = await startTool(database);
  const password = path.join(folder, 'maker');
  fs.writeFileSync(password, 'maker maker maker\n', { mode: 0o600 });
  const tables = `[credentials.own]
kind = "postgres"
url = "postgres://127.0.0.1:${database.port}/ledger"
user = "maker"
password = { file = "${password}" }
roles = "reader"
inject = { basic = "{username}:{password}" }
${more}`;
  const gateway = await startGateway(binary, folder, { sql: { url: tool.url, more: 'protocol = "modern"\ncredential = "own"' } }, tables);
  const ask = (sql) => call(gateway.url('sql'), undefined, { tool: 'query', args: { text: sql } });
  const endTask = async () => {
    const { tasks } = JSON.parse((await send(`${gateway.origin}/tasks`)).text);
    assert.equal(tasks.length, 1);
    const ended = await send(`${gateway.origin}/tasks/${tasks[0].id}`, { method: 'DELETE' });
    assert.ok(ended.status < 300, `${ended.status}`);
  };
  return { database, tool, gateway, ask, endTask };
}

const gone = (database) => until('the role is gone', () => database.roles().length === 0, SOON_MS);
const WHO = 'SELECT current_user, count(*) FROM entries';

export const postgres = {
  'a role is there for a task, and gone with it': async (world) => {
    const { database, tool, gateway, ask, endTask } = await build(world);
    assert.deepEqual(database.roles(), []);
    const [user, count] = said(await ask(WHO)).split('|');
    assert.deepEqual([database.roles(), count], [[user], '3']);
    assert.equal(said(await ask(WHO)).split('|')[0], user, 'the same for the whole task');
    const denied = JSON.parse((await ask('DELETE FROM entries')).text).result;
    assert.match(denied.content[0].text, /permission denied/);
    await endTask();
    await gone(database);
    assert.throws(() => database.as(user, tool.passwords[0], 'SELECT 1'), /authentication failed/);
    assert.equal(new Set(tool.passwords).size, 1);
    gateway.signal('SIGTERM');
    await gateway.child.done;
    const kept = holding(world.folder, [tool.passwords[0], encodeURIComponent(tool.passwords[0]), Buffer.from(tool.passwords[0]).toString('base64').slice(0, 40)]);
    assert.deepEqual(kept, [], 'no file holds its password: neither of the gateway nor of PostgreSQL');
    assert.match(fs.readFileSync(database.log, 'utf8'), /CREATE ROLE "hopgate/, 'which writes down every statement');
  },

  'a role for one call is gone when it is answered': async (world) => {
    const { database, ask } = await build(world, 'per = "call"');
    const users = [said(await ask(WHO)), said(await ask(WHO))];
    assert.notEqual(users[0], users[1]);
    await gone(database);
  },

  'a gateway that stops takes its roles along': async (world) => {
    const { database, gateway, ask } = await build(world);
    said(await ask(WHO));
    gateway.signal('SIGTERM');
    await gateway.child.done;
    assert.deepEqual(database.roles(), []);
  },

  'a gateway that was killed drops what it left before it is ready again': async (world) => {
    const { database, gateway, ask } = await build(world);
    const [user] = said(await ask(WHO)).split('|');
    gateway.signal('SIGKILL');
    await gateway.child.done;
    assert.deepEqual(database.roles(), [user]);
    await gateway.launch();
    assert.deepEqual(database.roles(), []);
    assert.notEqual(said(await ask(WHO)).split('|')[0], user);
  },

  'what cannot be dropped now is dropped when the server is back': async (world) => {
    const { database, ask, endTask } = await build(world);
    said(await ask(WHO));
    await database.halt();
    await endTask();
    const failed = await ask(WHO);
    assert.notEqual(failed.status, 200, failed.text);
    await database.launch();
    await until('the role is gone', () => database.roles().length === 0, 60000);
    await until('calls go on', async () => (await ask(WHO)).status === 200, 60000);
  },
};
