// Tokens the gateway signs, taken by verifiers that know nothing but where its keys are: jose before a real MCP server,
// and pyjwt.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { CACHE, startServer } from '../conformance/peers.mjs';
import { call, claims, said } from '../oauth/world.mjs';
import { load } from '../oauth/packages.mjs';
import { startGateway, until } from './gateway.mjs';

const jose = await load('jose');
const BODY = 'words of the verifier';

// Lets through to `target` who brings a token of the issuer's for this audience, and keeps the token.
async function startVerifier(target, expected) {
  const to = new URL(target);
  const tokens = [];
  const faults = [];
  let keys;
  const server = http.createServer(async (request, response) => {
    try {
      const { issuer, audience } = expected();
      keys ??= jose.createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer), { cooldownDuration: 0 });
      const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
      await jose.jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', requiredClaims: ['exp', 'iat', 'nbf', 'jti', 'sub', 'client_id'], clockTolerance: 0 });
      tokens.push(token);
    } catch (error) {
      faults.push(error.code ?? error.message);
      response.writeHead(401, { 'content-type': 'text/plain' }).end(BODY);
      return;
    }
    const onward = http.request({ host: to.hostname, port: to.port, path: to.pathname, method: request.method, headers: { ...request.headers, host: to.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers).flushHeaders();
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, tokens, faults };
}

// A gateway before two verifiers, of which only the first expects tokens for itself.
async function build({ binary, folder }, keys = '', more = '') {
  const target = (await startServer('ts-v2', folder, 'ts')).url;
  const world = {};
  const good = await startVerifier(target, () => ({ issuer: world.gateway.origin, audience: good.url }));
  const other = await startVerifier(target, () => ({ issuer: world.gateway.origin, audience: 'https://somebody.else.example/mcp' }));
  const with_ = { more: 'credential = "own"' };
  const tables = (keys) => `[credentials.own]\nkind = "mint"\n${keys}\n${more}`;
  world.gateway = await startGateway(binary, folder, { good: { url: good.url, ...with_ }, other: { url: other.url, ...with_ } }, tables(keys));
  return Object.assign(world, { good, other, tables });
}

const published = async (gateway) => (await (await fetch(`${gateway.origin}/.well-known/jwks.json`)).json()).keys;

function pem(folder, kind) {
  const make = {
    EdDSA: () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }),
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }),
    PS256: () => generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  const file = path.join(folder, `${kind}-${Date.now()}.pem`);
  fs.writeFileSync(file, make[kind](), { mode: 0o600 });
  return file;
}

const PYTHON = `
import json, sys, jwt
url, audience, issuer, token = sys.argv[1:5]
key = jwt.PyJWKClient(url + "/.well-known/jwks.json").get_signing_key_from_jwt(token)
try:
    print(json.dumps(jwt.decode(token, key, algorithms=["EdDSA", "ES256", "RS256", "PS256"], audience=audience, issuer=issuer)))
except jwt.InvalidTokenError as error:
    print(json.dumps({"refused": type(error).__name__}))
`;

const python = (gateway, audience, token) => JSON.parse(execFileSync(path.join(CACHE, 'venv/bin/python'), ['-c', PYTHON, gateway.origin, audience, gateway.origin, token]));

export const mint = {
  'a verifier takes the token, and the server answers': async (world) => {
    const { gateway, good } = await build(world);
    assert.equal(said(await call(gateway.url('good'))), 'hello');
    assert.equal(said(await call(gateway.url('good'))), 'hello');
    assert.equal(new Set(good.tokens).size, 1, 'one token a task');
    const token = claims(good.tokens[0]);
    assert.deepEqual([token.alg, token.typ, token.iss, token.aud, token.client_id], ['EdDSA', 'at+jwt', gateway.origin, good.url, 'tester']);
    assert.deepEqual(token.act, { sub: 'tester' });
    assert.match(token.jti, /^hopgate-/);
    assert.ok(token.exp - token.iat <= 300 && token.nbf === token.iat, 'five minutes');
    const keys = await published(gateway);
    assert.ok(keys.some((key) => key.kid === token.kid) && keys.every((key) => !('d' in key)));
    assert.equal(token.kid, await jose.calculateJwkThumbprint(keys.find((key) => key.kid === token.kid)));
    assert.deepEqual(good.faults, []);
  },

  'a verifier that expects another audience refuses it, and its words go nowhere': async (world) => {
    const { gateway, other } = await build(world);
    const answer = await call(gateway.url('other'));
    assert.equal(answer.status, 502);
    assert.ok(!answer.text.includes(BODY), answer.text);
    assert.deepEqual([other.tokens.length, other.faults[0]], [0, 'ERR_JWT_CLAIM_VALIDATION_FAILED']);
  },

  'pyjwt reads the same': async (world) => {
    const { gateway, good } = await build(world, 'subject = "{agent} for {server}"\nclaims = { tenant = "acme" }');
    said(await call(gateway.url('good')));
    const [token] = good.tokens;
    const read = python(gateway, good.url, token);
    assert.deepEqual([read.sub, read.tenant, read.act.sub], ['tester for good', 'acme', 'tester']);
    assert.deepEqual(python(gateway, 'https://somebody.else.example/mcp', token), { refused: 'InvalidAudienceError' });
    const [head, , signature] = token.split('.');
    const forged = [head, Buffer.from(JSON.stringify({ ...read, sub: 'admin' })).toString('base64url'), signature].join('.');
    assert.deepEqual(python(gateway, good.url, forged), { refused: 'InvalidSignatureError' });
  },

  'what the operator says of issuer and audience is what the token says': async (world) => {
    const { gateway, good } = await build(world, 'audience = "ledger"\nissuer = "https://issuer.example"');
    assert.equal((await call(gateway.url('good'))).status, 502);
    assert.deepEqual([good.tokens.length, good.faults[0]], [0, 'ERR_JWT_CLAIM_VALIDATION_FAILED']);
  },

  'each kind of key is taken, for each call a token of its own': async (world) => {
    const kinds = ['EdDSA', 'ES256', 'RS256', 'PS256'];
    const { gateway, good, tables } = await build(world, 'per = "call"');
    for (const alg of kinds) {
      gateway.write({ tables: tables(`per = "call"\nkey = { file = "${pem(world.folder, alg)}" }\nalg = "${alg}"`) });
      gateway.signal('SIGHUP');
      await until(`${alg} is published`, async () => (await published(gateway)).some((key) => key.alg === alg && key.kid.length === 43));
      said(await call(gateway.url('good')));
      said(await call(gateway.url('good')));
    }
    const seen = good.tokens.map(claims);
    assert.deepEqual(seen.map((token) => token.alg), kinds.flatMap((alg) => [alg, alg]));
    assert.equal(new Set(seen.map((token) => token.jti)).size, 8);
    const rsa = (await published(gateway)).filter((key) => key.kty === 'RSA');
    assert.equal(rsa.length, 1, 'what signs no more is not published');
    for (const token of good.tokens.slice(-1)) assert.equal(python(gateway, good.url, token).client_id, 'tester');
  },
};
