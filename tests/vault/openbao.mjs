// An OpenBao with what the tests lease: roles of a PostgreSQL, secrets, certificates; and with every way to log in.
//
//   const bao = await startOpenbao(folder, { postgres, key, audience });
//   bao.address                       through a gate that `cut()` closes and `mend()` opens
//   await bao.ask('GET', 'sys/health')
//
// The policies are those docs/credentials.md asks for, and no wider.
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { CACHE } from '../conformance/peers.mjs';
import { freePort, start, waitHttp } from '../conformance/processes.mjs';

const BAO = path.join(CACHE, 'openbao/bin/bao');

const allow = (place, ...capabilities) => `path "${place}" { capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}] }\n`;
const READS = allow('database/creds/ledger', 'read') + allow('secret/data/tools/*', 'read') + allow('pki/issue/tools', 'update');
const POLICIES = {
  // What is leased.
  reads: READS,
  // What the gateway needs beside it, to take back what a crash has left.
  revokes: allow('sys/leases/revoke', 'update') + allow('auth/token/revoke-accessor', 'update') + allow('pki/revoke', 'update'),
  // For a token in a file: one below it for each order.
  lends: allow('auth/token/create', 'update'),
};

export async function startOpenbao(folder, { postgres, key, audience }) {
  const [port, root] = [await freePort(), `root-${crypto.randomBytes(18).toString('base64url')}`];
  const log = path.join(folder, 'openbao.log');
  // Its memory is its storage; it asks for the port after its own, too.
  const args = ['server', '-dev', `-dev-root-token-id=${root}`, '-dev-no-store-token', `-dev-listen-address=127.0.0.1:${port}`, '-log-level=info'];
  const child = start(BAO, args, { cwd: folder, log, env: { HOME: folder } });
  await waitHttp(`http://127.0.0.1:${port}/v1/sys/health`, child, { ok: true });
  const gate = await openGate(port);

  async function ask(method, place, body, token = root) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/${place}`, { method, headers: { 'x-vault-token': token }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok && answer.status !== 404) throw new Error(`${method} ${place}: ${answer.status} ${text}`);
    return answer.status === 404 ? null : text && JSON.parse(text);
  }
  const listed = async (place) => (await ask('LIST', place))?.data.keys ?? [];

  for (const [name, policy] of Object.entries(POLICIES)) await ask('PUT', `sys/policies/acl/${name}`, { policy });
  await engines(ask, postgres);
  const logins = await methods(ask, { key, audience, folder });
  const own = new Set(await listed('auth/token/accessors'));
  return {
    ...logins,
    address: gate.address,
    cut: gate.cut,
    mend: gate.mend,
    ask,
    root,
    log,
    leases: () => listed('sys/leases/lookup/database/creds/ledger'),
    // Tokens that live, and not the tests' own.
    async sessions() {
      const others = (await listed('auth/token/accessors')).filter((accessor) => !own.has(accessor));
      // One that has ended meanwhile is none.
      const found = await Promise.all(others.map((accessor) => ask('POST', 'auth/token/lookup-accessor', { accessor }).catch(() => null)));
      return found.filter(Boolean).map(({ data }) => ({ by: data.path, meta: data.meta }));
    },
    runs: () => child.exitCode === null,
  };
}

async function engines(ask, postgres) {
  await ask('POST', 'sys/mounts/database', { type: 'database' });
  await ask('POST', 'database/config/ledger', {
    plugin_name: 'postgresql-database-plugin',
    allowed_roles: ['ledger'],
    connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/postgres?sslmode=disable`,
    username: 'postgres',
    password: postgres.password,
  });
  const creation = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT SELECT ON ledger TO "{{name}}";`;
  await ask('POST', 'database/roles/ledger', { db_name: 'ledger', creation_statements: [creation], default_ttl: '1h', max_ttl: '24h' });
  await ask('POST', 'secret/data/tools/files', { data: { token: SECRET, owner: 'payments' } });
  await ask('POST', 'sys/mounts/pki', { type: 'pki' });
  await ask('POST', ['pki', 'root', 'generate', 'internal'].join('/'), { common_name: 'tests', ttl: '24h' });
  await ask('POST', 'pki/roles/tools', { allow_any_name: true, key_type: 'ec', key_bits: 256, max_ttl: '1h', enforce_hostnames: false });
}

// What the KV engine holds.
export const SECRET = `kept-${crypto.randomBytes(18).toString('base64url')}`;

async function methods(ask, { key, audience, folder }) {
  const file = (name, text) => { fs.writeFileSync(path.join(folder, name), `${text}\n`, { mode: 0o600 }); return path.join(folder, name); };
  const policies = ['reads', 'revokes'];
  await ask('POST', 'sys/auth/approle', { type: 'approle' });
  const approle = async (name, token_policies) => {
    await ask('POST', `auth/approle/role/${name}`, { token_policies, token_ttl: '20m' });
    const { role_id } = (await ask('GET', `auth/approle/role/${name}/role-id`)).data;
    const { secret_id } = (await ask('POST', `auth/approle/role/${name}/secret-id`)).data;
    return { role_id, secret_id, file: file(`secret-id-${name}`, secret_id) };
  };
  await ask('POST', 'sys/auth/jwt', { type: 'jwt' });
  await ask('POST', 'auth/jwt/config', { jwt_validation_pubkeys: [key.pem] });
  const jwt = { role_type: 'jwt', user_claim: 'sub', token_ttl: '20m' };
  await ask('POST', 'auth/jwt/role/hopgate', { ...jwt, bound_audiences: ['vault'], bound_subject: 'gateway', token_policies: policies });
  // A caller's session ends itself: it needs no right to revoke anything.
  await ask('POST', 'auth/jwt/role/agents', { ...jwt, bound_audiences: [audience], token_policies: ['reads'] });
  const token = (await ask('POST', 'auth/token/create', { policies: [...policies, 'lends'], ttl: '1h' })).auth.client_token;
  return {
    approle: await approle('hopgate', policies),
    // May not revoke what it knows only by its accessor.
    weak: await approle('weak', ['reads']),
    jwtFile: file('gateway.jwt', await key.sign({ sub: 'gateway', aud: 'vault' })),
    token: { value: token, file: file('vault-token', token) },
  };
}

// What stands between the gateway and the vault: closed, it refuses connections and has cut those there were.
async function openGate(port) {
  const open = new Set();
  const gate = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const one of [near, far]) {
      open.add(one);
      one.on('error', () => {}).on('close', () => { open.delete(one); near.destroy(); far.destroy(); });
    }
    near.pipe(far).pipe(near);
  });
  const listen = (at) => new Promise((resolve, reject) => { gate.once('error', reject); gate.listen(at, '127.0.0.1', resolve); });
  await listen(0);
  const at = gate.address().port;
  return {
    address: `http://127.0.0.1:${at}`,
    async cut() { const closed = new Promise((resolve) => gate.close(resolve)); for (const one of open) one.destroy(); await closed; },
    mend: async () => { if (!gate.listening) await listen(at); },
  };
}
