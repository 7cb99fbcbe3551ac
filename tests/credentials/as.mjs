#!/usr/bin/env node
// A real authorization server (npm oidc-provider) that gives opaque tokens and takes them back: as.mjs PORT CONTROL SETTINGS
//
// PORT speaks OAuth: client credentials, introspection, revocation; token exchange and the jwt-bearer grant are registered
// with it, as its manual shows. SETTINGS is a JSON file: { clients, trusts }. CONTROL is the operator's:
//   GET  /seen          what was asked: tokens with what they are for, exchanges, revocations
//   POST /trouble?at=P  answers path P with 503 from now on, or nothing any more where `at` is empty
import fs from 'node:fs';
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { load } from '../oauth/packages.mjs';

const [PORT, CONTROL] = process.argv.slice(2, 4).map(Number);
const { clients, trusts } = JSON.parse(fs.readFileSync(process.argv[4]));
const { default: Provider, errors } = await load('oidc-provider');
const jose = await load('jose');

const ISSUER = `http://127.0.0.1:${PORT}`;
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const SCOPES = 'read write repo:acme/x repo:acme/y';
const LIFE = 600;

const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
const KID = randomUUID();
const own = { ...(await jose.exportJWK(privateKey)), kid: KID, use: 'sig', alg: 'ES256' };
const seen = { tokens: [], exchanges: [], revoked: [] };
const spent = new Set();
let trouble = '';

// Callers' tokens are JWTs, for the gateway verifies them; those for tools are opaque, for those can be taken back.
const server = (resource, client) => ({
  audience: resource,
  scope: SCOPES,
  accessTokenTTL: LIFE,
  accessTokenFormat: client.caller ? 'jwt' : 'opaque',
  jwt: { sign: { alg: 'ES256' } },
});

const provider = new Provider(ISSUER, {
  jwks: { keys: [own] },
  cookies: { keys: ['one secret of many'] },
  scopes: SCOPES.split(' '),
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  extraClientMetadata: { properties: ['caller'], validator: (ctx, key, value, metadata) => { delete metadata.scope; } },
  clients: clients.map((client) => ({ grant_types: ['client_credentials', EXCHANGE, BEARER], response_types: [], redirect_uris: [], ...client })),
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: (ctx, resource, client) => server(resource, client) },
  },
});

const refuse = (name, text) => { throw new errors.CustomOIDCProviderError(name, text); };

// What every grant of ours ends with: an opaque token for one resource, of no more scope than was asked for.
async function give(ctx, more) {
  const { client, params } = ctx.oidc;
  const token = new provider.ClientCredentials({ client, scope: params.scope });
  token.resourceServer = new provider.ResourceServer(params.resource, server(params.resource, client));
  const value = await token.save();
  ctx.body = { access_token: value, token_type: 'Bearer', expires_in: token.expiration, scope: params.scope, ...more };
}

async function exchange(ctx) {
  const { client, params } = ctx.oidc;
  const heard = { client: client.clientId, wanted: params.requested_token_type, audience: params.audience };
  seen.exchanges.push(heard);
  const subject = (await jose.jwtVerify(params.subject_token, publicKey, { issuer: ISSUER })).payload;
  heard.subject = subject.sub;
  if (params.actor_token) {
    const keys = jose.createLocalJWKSet(client.jwks);
    const { payload } = await jose.jwtVerify(params.actor_token, keys, { issuer: client.clientId, subject: client.clientId, audience: ISSUER });
    heard.actor = { sub: payload.sub, act: payload.act, txn: payload.txn };
  }
  if (params.requested_token_type !== `${TYPE}id-jag`) return give(ctx, { issued_token_type: `${TYPE}access_token` });
  const claims = { client_id: client.clientId, resource: params.resource, scope: params.scope };
  const assertion = await new jose.SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', kid: KID, typ: 'oauth-id-jag+jwt' })
    .setIssuer(ISSUER).setSubject(subject.sub).setAudience(params.audience).setJti(randomUUID()).setIssuedAt().setExpirationTime('60s')
    .sign(privateKey);
  ctx.body = { access_token: assertion, token_type: 'N_A', issued_token_type: `${TYPE}id-jag`, expires_in: 60, scope: params.scope };
}

// As the extension for enterprise-managed authorization has it: type, audience, client, and each assertion once.
async function bearer(ctx) {
  const { client, params } = ctx.oidc;
  const keys = jose.createRemoteJWKSet(new URL(`${trusts}/jwks`));
  const { payload } = await jose.jwtVerify(params.assertion, keys, { issuer: trusts, audience: ISSUER, typ: 'oauth-id-jag+jwt' })
    .catch((error) => refuse('invalid_grant', error.message));
  if (payload.client_id !== client.clientId || payload.resource !== params.resource) refuse('invalid_grant', 'for another');
  if (spent.has(payload.jti)) refuse('invalid_grant', 'used before');
  spent.add(payload.jti);
  await give(ctx, {});
}

const EXCHANGE_PARAMETERS = ['audience', 'resource', 'scope', 'requested_token_type', 'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type'];
provider.registerGrantType(EXCHANGE, exchange, EXCHANGE_PARAMETERS);
provider.registerGrantType(BEARER, bearer, ['assertion', 'resource', 'scope']);
provider.on('grant.success', (ctx) => {
  if (ctx.body.token_type === 'N_A') return;
  const { grant_type, scope, resource } = ctx.oidc.params;
  seen.tokens.push({ client: ctx.oidc.client.clientId, grant: grant_type, scope, resource, token: ctx.body.access_token });
});
provider.on('server_error', (ctx, error) => console.error(error));

const answer = provider.callback();
http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  if (trouble && path === trouble) return response.writeHead(503).end();
  if (path === '/token/revocation') response.on('finish', () => seen.revoked.push(response.statusCode));
  return answer(request, response);
}).listen(PORT, '127.0.0.1');
http.createServer((request, response) => {
  const url = new URL(request.url, 'http://control');
  if (url.pathname === '/trouble') trouble = url.searchParams.get('at');
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen));
}).listen(CONTROL, '127.0.0.1');
