#!/usr/bin/env node
// A real authorization server (npm oidc-provider) whose operator can be played: as.mjs PORT CONTROL_PORT
//
// PORT speaks OAuth 2.1 and OpenID Connect, with resource indicators, registration and DPoP. CONTROL_PORT is the operator's:
//   GET  /seen            what was asked of the server: when its keys were fetched, clients registered, codes and tokens given
//   POST /rotate          signs with a new key from now on; the keys before it stay published
//   POST /drop            publishes only the newest key
//   POST /person?url=U    a person's browser at the authorization URL: signs in, consents, answers where it was sent back to
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { visit } from './person.mjs';
import { load } from './packages.mjs';

const [PORT, CONTROL] = process.argv.slice(2).map(Number);
const { default: Provider } = await load('oidc-provider');
const { exportJWK, generateKeyPair } = await load('jose');

const ISSUER = `http://127.0.0.1:${PORT}`;
const DAY = 24 * 3600;
const HOUR = 3600;

// Clients that come without a person; each is known by its id and the secret "secret-" + id.
// Lives are those of their tokens; what else they say stands in their tokens as claims.
const SERVICES = {
  svc: {},
  other: {},
  stranger: {},
  flicker: {},
  short: { token_life: 4 },
  endless: { token_life: 60 * DAY },
  'ci-1': { repository: 'acme/ledger' },
  'ci-2': { repository: 'acme/else' },
  bound: { dpop_bound_access_tokens: true },
};
// Where a client names no resource (the first revision of the protocol knew none), its token is for this one.
const DEFAULT_RESOURCE = 'https://tools.example.com/';
const SCOPES = ['tools:read', 'tools:write'];

const seen = { keys: [], metadata: [], registrations: [], codes: [], tokens: [] };
let keys = [];
let answer;

async function newKey() {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomUUID(), use: 'sig', alg: 'ES256' };
}

function configuration() {
  return {
    jwks: { keys },
    cookies: { keys: ['one secret of many'] },
    scopes: ['openid', 'offline_access', ...SCOPES],
    pkce: { required: () => true },
    clients: Object.entries(SERVICES).map(([client_id, more]) => ({
      client_id, client_secret: `secret-${client_id}`, grant_types: ['client_credentials'], response_types: [], redirect_uris: [], ...more,
    })),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    extraClientMetadata: {
      properties: ['token_life', 'repository'],
      // What a client may ask for is this server's to say at each request, not the client's once and for all.
      validator: (ctx, key, value, metadata) => { delete metadata.scope; },
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      registration: { enabled: true, initialAccessToken: false, idFactory: () => `desk-${randomUUID()}` },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => DEFAULT_RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, client) => ({
          audience: resource,
          scope: SCOPES.join(' '),
          accessTokenFormat: 'jwt',
          accessTokenTTL: client.token_life ?? HOUR,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    extraTokenClaims: (ctx, token) => (token.client?.repository ? { repository: token.client.repository } : undefined),
  };
}

// The issuer stays; only its keys change.
function serve() {
  const provider = new Provider(ISSUER, configuration());
  provider.on('registration_create.success', (ctx, client) => seen.registrations.push(client.clientId));
  provider.on('authorization.success', (ctx) => {
    const { client_id, scope, resource, code_challenge_method } = ctx.oidc.params;
    seen.codes.push({ client: client_id, scope, resource, challenge: code_challenge_method });
  });
  provider.on('grant.success', (ctx) => {
    const { grant_type, scope, resource } = ctx.oidc.params;
    const client = ctx.oidc.client.clientId;
    seen.tokens.push({ client, grant: grant_type, scope, resource });
  });
  provider.on('server_error', (ctx, error) => console.error(error));
  answer = provider.callback();
}

const OPERATOR = {
  'GET /seen': () => seen,
  'POST /rotate': async () => { keys = [await newKey(), ...keys]; serve(); },
  'POST /drop': () => { keys = keys.slice(0, 1); serve(); },
  'POST /person': async (url) => ({ location: await visit(url.searchParams.get('url'), 'ada') }),
};

keys = [await newKey()];
serve();
http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  if (path === '/jwks') seen.keys.push(Date.now());
  if (path.startsWith('/.well-known/')) seen.metadata.push(path);
  answer(request, response);
}).listen(PORT, '127.0.0.1');
http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://control');
  const act = OPERATOR[`${request.method} ${url.pathname}`];
  try {
    const result = act ? await act(url) : undefined;
    response.writeHead(act ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(result ?? {}));
  } catch (error) {
    response.writeHead(500).end(String(error.stack));
  }
}).listen(CONTROL, '127.0.0.1');
