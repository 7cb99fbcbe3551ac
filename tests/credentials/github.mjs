// A double of GitHub's API as its documentation has it: the app proves itself by RS256, a token is good for what was asked
// until it is deleted. That GitHub itself agrees is not shown here.
import assert from 'node:assert/strict';
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { load } from '../oauth/packages.mjs';
import { said } from '../oauth/world.mjs';
import { call, openTask, until } from './world.mjs';

const jose = await load('jose');
const REVOKED_MS = 5000;

export const APP = 'Iv1.0123456789abcdef';
export const INSTALLATION = 42;

export async function startGithub(jwk, resource) {
  const key = await jose.importJWK(jwk, 'RS256');
  const given = new Map();
  const refused = [];
  const answer = async (request, body) => {
    const bearer = request.headers.authorization?.replace(/^Bearer /, '');
    if (request.method === 'DELETE' && request.url === '/installation/token') {
      const live = given.get(bearer)?.active;
      if (live) given.get(bearer).active = false;
      return [live ? 204 : 401];
    }
    if (request.method !== 'POST' || request.url !== `/app/installations/${INSTALLATION}/access_tokens`) return [404, { message: 'Not Found' }];
    const { payload } = await jose.jwtVerify(bearer, key, { issuer: APP, algorithms: ['RS256'], maxTokenAge: '10m' });
    if (payload.exp - payload.iat > 600) return [401, { message: 'too far in the future' }];
    const { repositories, permissions } = JSON.parse(body);
    if (!repositories?.every((name) => ['ledger', 'site'].includes(name))) return [422, { message: 'no such repository' }];
    const token = `ghs_${randomUUID().replaceAll('-', '')}`;
    given.set(token, { active: true, aud: resource(), scope: [...repositories, ...Object.entries(permissions).flat()].join(' ') });
    return [201, {
      token,
      expires_at: new Date(Date.now() + 3600e3).toISOString().replace(/\.\d+Z/, 'Z'),
      permissions: { ...permissions, metadata: 'read' },
      repository_selection: 'selected',
      repositories: repositories.map((name, id) => ({ id, name, full_name: `acme/${name}` })),
    }];
  };
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const [status, told] = await answer(request, body).catch((error) => [401, { message: error.message }]);
    if (status >= 400) refused.push(`${request.method} ${status}`);
    response.writeHead(status, { 'content-type': 'application/json' }).end(told && JSON.stringify(told));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    given,
    refused,
    introspect: async (token) => given.get(token) ?? { active: false },
    close: () => { server.close(); server.closeAllConnections(); },
  };
}

export const github = {
  async a_token_for_the_repository_a_call_names(world) {
    const token = await world.issuer.caller();
    const id = await openTask(world, token);
    for (const repository of ['ledger', 'site', 'ledger']) {
      assert.equal(said(await call(world, 'github', { token, task: id, text: repository })), repository);
    }
    const scopes = [...world.github.given.values()].map((one) => one.scope);
    assert.deepEqual(scopes, ['ledger contents read', 'site contents read'], 'one lease for each scope, and no wider one');
    assert([...world.github.given.values()].every((one) => one.active));
    await world.tasks('DELETE', `/${id}`, token);
    await until(() => [...world.github.given.values()].every((one) => !one.active), REVOKED_MS, 'both are revoked');
    assert.deepEqual(world.github.refused, []);
  },
  async a_repository_that_is_none_gets_no_token(world) {
    const token = await world.issuer.caller();
    const before = world.github.given.size;
    for (const repository of ['elsewhere', '../ledger', 'ledger/..', 'led ger', '*', 'ledger?x']) {
      const answer = await call(world, 'github', { token, text: repository });
      assert.throws(() => said(answer), `${repository}: ${answer.status} ${answer.text}`);
    }
    assert.equal(world.github.given.size, before);
    assert(world.github.refused.every((one) => one === 'POST 422'), world.github.refused.join());
  },
};
