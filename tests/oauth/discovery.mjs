// How a client that knows nothing but the endpoint's URL finds out where to ask for a token.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { call, said, send } from './world.mjs';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const at = (gateway, server) => `${gateway.origin}${WELL_KNOWN}/servers/${server}/mcp`;
const REDIRECT = 'http://127.0.0.1:1/callback';

async function metadata(url, headers) {
  const answer = await send(url, { headers });
  assert.equal(answer.status, 200, `${url}: ${answer.status} ${answer.text}`);
  assert.match(answer.headers['content-type'], /^application\/json/);
  return JSON.parse(answer.text);
}

export const discovery = {
  async an_unproven_request_is_told_where_to_ask({ gateway }) {
    for (const server of ['up', 'side']) {
      const answer = await call(gateway.url(server));
      assert.equal(answer.status, 401);
      assert.equal(answer.challenge?.resource_metadata, at(gateway, server));
      assert.equal(answer.challenge.error, undefined, 'no proof is no bad proof (RFC 6750, 3.1)');
    }
    // What every caller of `side` needs, whatever it calls; on `up` there is nothing they all need.
    assert.equal((await call(gateway.url('side'))).challenge.scope, 'tools:read');
    for (const method of ['GET', 'DELETE']) {
      const answer = await send(gateway.url(), { method, headers: { accept: 'text/event-stream' } });
      assert.equal(answer.status, 401, method);
      assert.equal(answer.challenge?.resource_metadata, at(gateway, 'up'));
    }
  },
  async every_endpoint_has_its_metadata({ gateway, issuer }) {
    // A name that is no server's gets an answer too: metadata tells nobody what there is.
    for (const server of ['up', 'side', 'no-such-server']) {
      const found = await metadata(at(gateway, server));
      assert.equal(found.resource, gateway.url(server));
      assert.deepEqual(found.authorization_servers, [issuer.url]);
      assert.deepEqual(found.bearer_methods_supported, ['header']);
    }
    // The least that is of use, as in the challenge; more comes by stepping up.
    assert.deepEqual((await metadata(at(gateway, 'side'))).scopes_supported, ['tools:read']);
    const root = await metadata(gateway.origin + WELL_KNOWN);
    assert.deepEqual(root.authorization_servers, [issuer.url]);
    assert(root.resource === gateway.origin || root.resource.startsWith(`${gateway.origin}/`), root.resource);
  },
  async metadata_names_the_public_url_whatever_a_request_says({ gateway }) {
    const lies = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example;proto=https' };
    assert.equal((await metadata(at(gateway, 'up'), lies)).resource, gateway.url());
    const answer = await send(at(gateway, 'up'), { headers: { host: 'evil.example' } });
    assert(!answer.text.includes('evil.example'), answer.text);
  },
  // 2025-03-26: RFC 8414 metadata at the root of the endpoint's origin, and no `resource` in any request.
  async a_client_of_the_first_revision_finds_the_authorization_server({ gateway, issuer }) {
    const first = await send(`${gateway.origin}/.well-known/oauth-authorization-server`);
    assert([301, 302, 303, 307, 308].includes(first.status), `${first.status} ${first.text}`);
    assert.equal(new URL(first.headers.location).origin, issuer.url);
    const found = await metadata(first.headers.location);
    assert.equal(found.issuer, issuer.url);
    const body = JSON.stringify({ redirect_uris: [REDIRECT], application_type: 'native', token_endpoint_auth_method: 'none', client_name: 'first' });
    const { client_id } = JSON.parse((await send(found.registration_endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).text);
    const verifier = randomBytes(32).toString('base64url');
    const asked = { client_id, response_type: 'code', redirect_uri: REDIRECT, scope: 'tools:read', state: 'st', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' };
    const back = await issuer.person(`${found.authorization_endpoint}?${new URLSearchParams(asked)}`);
    assert.equal(back.searchParams.get('state'), 'st');
    const form = new URLSearchParams({ grant_type: 'authorization_code', client_id, code: back.searchParams.get('code'), redirect_uri: REDIRECT, code_verifier: verifier });
    const given = JSON.parse((await send(found.token_endpoint, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: String(form) })).text);
    assert(given.access_token, JSON.stringify(given));
    assert.equal(said(await call(gateway.url(), given.access_token)), 'hello');
  },
};
