// Tokens without a person (client credentials): which are good where, and how the others are refused.
import assert from 'node:assert/strict';
import { sleep } from '../conformance/processes.mjs';
import { call, claims, legacy, listen, opening, said, send, signer } from './world.mjs';

const LEEWAY_S = 30;

// 401 with the reason a client acts upon.
function refused(answer, what) {
  assert.equal(answer.status, 401, `${what}: ${answer.status} ${answer.text}`);
  assert.equal(answer.challenge?.error, 'invalid_token', what);
  assert(answer.challenge.resource_metadata, what);
}

// The caller learns that nobody is registered under this proof, and nothing else.
function unknown(answer, what) {
  assert.equal(answer.status, 403, `${what}: ${answer.status} ${answer.text}`);
  assert.notEqual(answer.challenge?.error, 'insufficient_scope', what);
}

function lacking(answer, scopes, gateway) {
  assert.equal(answer.status, 403, `${answer.status} ${answer.text}`);
  assert.equal(answer.challenge?.error, 'insufficient_scope');
  for (const scope of scopes) assert(answer.challenge.scope.split(' ').includes(scope), answer.challenge.scope);
  assert.equal(answer.challenge.resource_metadata, `${gateway.origin}/.well-known/oauth-protected-resource/servers/up/mcp`);
  const { error, id } = JSON.parse(answer.text);
  assert(error && id === 1, answer.text);
}

export const tokens = {
  async a_good_token_passes({ gateway, token }) {
    const access = await token('svc');
    for (let i = 0; i < 3; i++) assert.equal(said(await call(gateway.url(), access)), 'hello');
    assert.equal(said(await call(gateway.url(), null, { headers: { authorization: `bearer ${access}` } })), 'hello', 'a scheme has no case');
  },
  async a_token_is_good_where_it_was_issued_for({ gateway, token }) {
    const side = await token('svc', { resource: gateway.url('side') });
    assert.equal(said(await call(gateway.url('side'), side)), 'hello');
    refused(await call(gateway.url(), side), 'the other endpoint\'s');
    const resources = ['https://elsewhere.example/mcp', gateway.origin, `${gateway.origin}/`, `${gateway.url()}/`, `${gateway.origin}/servers/up`, `${gateway.url()}?x=1`, gateway.url().replace('/mcp', '/MCP')];
    for (const resource of resources) refused(await call(gateway.url(), await token('svc', { resource })), resource);
  },
  async a_token_of_nobody_registered_is_refused({ gateway, token }) {
    unknown(await call(gateway.url(), await token('stranger')), 'stranger');
  },
  async claims_choose_the_agent({ gateway, token }) {
    assert.equal(said(await call(gateway.url(), await token('ci-1'))), 'hello');
    unknown(await call(gateway.url(), await token('ci-2')), 'of another repository');
  },
  async a_token_that_lives_too_long_is_refused({ gateway, token }) {
    refused(await call(gateway.url(), await token('endless')), 'sixty days');
  },
  async a_token_nobody_issued_is_refused({ gateway, issuer, foreign, token }) {
    const [head, body, signature] = (await token('svc')).split('.');
    const other = await token('svc');
    refused(await call(gateway.url(), [head, body, other.split('.')[2]].join('.')), 'signature of another token');
    refused(await call(gateway.url(), `${head}.${body}.`), 'no signature');
    refused(await call(gateway.url(), [Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url'), body, ''].join('.')), 'alg none');
    refused(await call(gateway.url(), `${head}.${body}.${signature}.x`), 'four parts');
    refused(await call(gateway.url(), 'opaque'), 'no JWT');
    refused(await call(gateway.url(), await foreign.token('svc', { resource: gateway.url(), scope: 'tools:read' })), 'another issuer');
    const thief = await signer();
    const { alg, kid, ...stolen } = claims(other);
    refused(await call(gateway.url(), await thief.sign({ typ: 'at+jwt', kid }, stolen)), `own key under the kid of ${issuer.url}`);
  },
  async a_token_stands_in_one_header_and_nowhere_else({ gateway, token }) {
    const access = await token('svc');
    const twice = await call(gateway.url(), null, { headers: { authorization: [`Bearer ${access}`, `Bearer ${access}`] } });
    assert([400, 401].includes(twice.status), `twice: ${twice.status}`);
    const query = await call(`${gateway.url()}?access_token=${access}`);
    assert([400, 401, 404].includes(query.status), `in the query: ${query.status}`);
    for (const authorization of ['Bearer', 'Bearer ', `Basic ${Buffer.from('svc:secret-svc').toString('base64')}`, access, `Bearer ${access} ${access}`]) {
      const odd = await call(gateway.url(), null, { headers: { authorization } });
      assert([400, 401].includes(odd.status), `${authorization.slice(0, 10)}: ${odd.status}`);
    }
    const forwarded = await call(gateway.url(), null, { headers: { 'x-forwarded-access-token': access, 'x-forwarded-user': 'svc' } });
    assert.equal(forwarded.status, 401);
  },
  async a_missing_scope_is_named({ gateway, token }) {
    const write = { tool: 'work_count', args: { key: 'scopes' } };
    const report = { tool: 'work_report', args: { key: 'scopes' } };
    const none = await token('svc', { scope: undefined });
    lacking(await call(gateway.url(), none), ['tools:read'], gateway);
    lacking(await call(gateway.url(), none, report), ['tools:read', 'tools:write'], gateway);
    lacking(await call(gateway.url(), await token('svc'), write), ['tools:write'], gateway);
    const both = await token('svc', { scope: 'tools:read tools:write' });
    assert.equal(said(await call(gateway.url(), both, write)), '1', 'the refused call reached nobody');
    assert.match(said(await call(gateway.url(), both, report)), /"begun":1/);
  },
  async a_session_belongs_to_its_principal({ gateway, token }) {
    const opened = await legacy(gateway.url(), await token('svc'), 'initialize', opening);
    assert.equal(opened.status, 200, opened.text);
    const session = opened.headers['mcp-session-id'];
    assert(session, 'a session');
    const list = (access) => legacy(gateway.url(), access, 'tools/list', {}, session);
    assert.equal((await list(await token('svc'))).status, 200, 'a fresh token of the same principal goes on');
    assert.equal((await list(await token('other'))).status, 404, 'another principal');
    assert.equal((await list()).status, 401, 'a session is no proof');
    const end = (access) => send(gateway.url(), { method: 'DELETE', headers: { authorization: `Bearer ${access}`, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' } });
    assert.equal((await end(await token('other'))).status, 404);
    assert.equal((await list(await token('svc'))).status, 200, 'nobody else ends it');
    const ended = await end(await token('svc'));
    assert(ended.status < 300, `${ended.status}`);
  },
  async a_stream_ends_with_its_proof({ gateway, token }) {
    const short = await token('short');
    const { exp } = claims(short);
    const session = (await legacy(gateway.url(), short, 'initialize', opening)).headers['mcp-session-id'];
    const stream = await listen(gateway.url(), short, session);
    const late = setTimeout(stream.cut, (exp + LEEWAY_S + 5) * 1000 - Date.now());
    const ended = Math.round(await stream.ended / 1000) - exp;
    clearTimeout(late);
    assert(ended >= -1 && ended <= LEEWAY_S + 2, `ended ${ended} s after its proof`);
  },
  // A client asks for a new token when it hears 401; nothing else may come of an old one.
  async an_expired_token_is_refused({ gateway, token }) {
    const short = await token('short');
    const after = async (seconds) => {
      await sleep((claims(short).exp + seconds) * 1000 - Date.now());
      return call(gateway.url(), short);
    };
    assert.equal(said(await call(gateway.url(), short)), 'hello', 'while it lives');
    for (const seconds of [0.5, LEEWAY_S / 2]) {
      const answer = await after(seconds);
      if (answer.status !== 200) refused(answer, 'within the leeway');
    }
    refused(await after(LEEWAY_S + 1), 'expired');
  },
};
