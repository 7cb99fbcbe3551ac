// Tokens of a real authorization server: minted for a task, shown to the tool server alone, dead when the task is over.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { said } from '../oauth/world.mjs';
import { BADGE, call, openTask, until } from './world.mjs';

// G2: from the end of a task to the end of its leases.
const REVOKED_MS = 5000;

// The newest token that a server gave one of our clients.
async function newest(issuer, grant) {
  const { tokens } = await issuer.seen();
  return tokens.filter((one) => one.client.startsWith('gate-') && (!grant || one.grant.endsWith(grant))).at(-1);
}

const gone = (issuer, token) => until(async () => !(await issuer.introspect(token)).active, REVOKED_MS, 'the token is revoked');

// One task from its opening to its end. Gives what the authorization server gave.
async function task(world, server, { issuer = world.issuer, between } = {}) {
  const token = await world.issuer.caller();
  const id = await openTask(world, token);
  assert.equal(said(await call(world, server, { token, task: id, text: server })), server);
  const given = await newest(issuer);
  assert.equal((await issuer.introspect(given.token)).active, true);
  assert.equal(given.resource, world.tools.url);
  const shown = world.tools.heads.join('\n');
  assert(shown.includes(`Bearer ${given.token}`), 'the tool server was shown the token');
  assert(!shown.includes(token), "the caller's own token goes no further");
  assert.equal(said(await call(world, server, { token, task: id })), 'hello');
  assert.equal((await newest(issuer)).token, given.token, 'one lease for all calls of a task');
  await between?.(given);
  const ended = await world.tasks('DELETE', `/${id}`, token);
  assert(ended.status < 300, `${ended.status} ${ended.text}`);
  await gone(issuer, given.token);
  return given;
}

const leases = ({ binary, file, env }) => JSON.parse(execFileSync(binary, ['--config', file, '--format', 'json', 'leases'], { encoding: 'utf8', env: { ...process.env, ...env } })).leases;

export const oauth = {
  async a_secret_in_the_header(world) {
    const { scope } = await task(world, 'basic');
    assert.deepEqual(scope.split(' ').sort(), ['read', 'repo:acme/x']);
    assert(world.tools.heads.some((head) => /^good for (read repo:acme\/x|repo:acme\/x read)$/.test(head)));
  },
  a_secret_in_the_body: (world) => task(world, 'post'),
  a_key_of_p256: (world) => task(world, 'ES256'),
  a_key_of_ed25519: (world) => task(world, 'EdDSA'),
  a_key_of_rsa: (world) => task(world, 'RS256'),
  a_key_of_rsa_with_pss: (world) => task(world, 'PS256'),
  // This server takes each assertion once, so a fresh one lies there for the revocation.
  async a_token_of_the_workload(world) {
    await world.workload();
    await task(world, 'assertion', { between: () => world.workload() });
  },
  async the_callers_token_exchanged(world) {
    const before = (await world.issuer.seen()).exchanges.length;
    await task(world, 'exchange');
    const { exchanges } = await world.issuer.seen();
    assert.equal(exchanges.length, before + 1);
    const { client, subject, actor, audience } = exchanges.at(-1);
    assert.deepEqual([client, subject, audience], ['gate-ES256', 'svc', 'tools']);
    assert.deepEqual([actor.sub, actor.act], ['gate-ES256', { sub: 'service' }]);
    assert.match(actor.txn, /^[0-9a-f]{32}$/);
  },
  async an_identity_assertion_for_another_server(world) {
    await task(world, 'id_jag', { issuer: world.other });
    const { wanted, audience } = (await world.issuer.seen()).exchanges.at(-1);
    assert.deepEqual([wanted, audience], ['urn:ietf:params:oauth:token-type:id-jag', world.other.url]);
    assert.equal((await newest(world.other)).grant, 'urn:ietf:params:oauth:grant-type:jwt-bearer');
  },
  async who_came_without_a_token_has_nothing_to_exchange(world) {
    const before = (await world.issuer.seen()).exchanges.length;
    // A static key is a secret between its bearer and the gateway.
    for (const token of [undefined, BADGE]) {
      const answer = await call(world, 'exchange', { token });
      assert.throws(() => said(answer), `${answer.status} ${answer.text}`);
      assert.equal(said(await call(world, 'basic', { token })), 'hello', 'with a credential of its own the gateway calls for it');
    }
    assert.equal((await world.issuer.seen()).exchanges.length, before);
  },
  async one_call_one_token(world) {
    const token = await world.issuer.caller();
    const given = [];
    for (let turn = 0; turn < 2; turn++) {
      assert.equal(said(await call(world, 'call', { token })), 'hello');
      given.push((await newest(world.issuer)).token);
    }
    assert.notEqual(given[0], given[1]);
    for (const one of given) await gone(world.issuer, one);
  },
  async what_the_server_refuses_is_refused(world) {
    const token = await world.issuer.caller();
    const shown = world.tools.heads.length;
    for (const server of ['stranger', 'astray']) {
      const answer = await call(world, server, { token });
      assert.throws(() => said(answer), `${server}: ${answer.status} ${answer.text}`);
      assert(!/invalid_client|metadata/.test(answer.text), 'the reason is the operator\'s');
    }
    assert.equal(world.tools.heads.length, shown, 'nothing went out without a credential');
    const out = leases(world);
    assert(!out.some((one) => ['stranger', 'astray'].includes(one.credential)), JSON.stringify(out));
  },
  async a_server_that_cannot_revoke_now_is_asked_until_it_can(world) {
    const token = await world.issuer.caller();
    const id = await openTask(world, token);
    said(await call(world, 'basic', { token, task: id }));
    const given = (await newest(world.issuer)).token;
    await world.issuer.trouble('/token/revocation');
    await world.tasks('DELETE', `/${id}`, token);
    const listed = () => leases(world).filter((one) => one.task === id).map((one) => one.state);
    await until(() => listed().includes('revoking'), REVOKED_MS, 'it is listed as being revoked');
    assert.equal((await world.issuer.introspect(given)).active, true);
    await world.issuer.trouble('');
    await until(async () => !(await world.issuer.introspect(given)).active, 60000, 'it is revoked when that works again');
    await until(() => listed().length === 0, REVOKED_MS, 'and listed no more');
  },
  async a_server_in_trouble_costs_calls_but_no_leases(world) {
    const token = await world.issuer.caller();
    await world.issuer.trouble('/token');
    const answer = await call(world, 'call', { token });
    assert.throws(() => said(answer), `${answer.status} ${answer.text}`);
    await world.issuer.trouble('');
    assert.deepEqual(leases(world).filter((one) => one.credential === 'call'), []);
    assert.equal(said(await call(world, 'call', { token })), 'hello');
  },
  async a_gateway_that_was_killed_has_revoked_before_it_is_ready(world) {
    const token = await world.issuer.caller();
    const id = await openTask(world, token);
    said(await call(world, 'ES256', { token, task: id }));
    const given = (await newest(world.issuer)).token;
    await world.restart();
    assert.equal((await world.issuer.introspect(given)).active, false);
  },
  async a_gateway_that_stops_leaves_nothing(world) {
    const token = await world.issuer.caller();
    said(await call(world, 'basic', { token }));
    said(await call(world, 'exchange', { token }));
    await world.stop();
    for (const { client, token: given } of (await world.issuer.seen()).tokens) {
      if (client.startsWith('gate-')) assert.equal((await world.issuer.introspect(given)).active, false);
    }
  },
  // Every token is a canary, and so are the clients' secrets.
  async no_token_is_left_anywhere(world) {
    const given = [...(await world.issuer.seen()).tokens, ...(await world.other.seen()).tokens];
    const canaries = given.filter((one) => one.client.startsWith('gate-')).map((one) => one.token);
    assert(canaries.length > 12, `${canaries.length}`);
    canaries.push(...world.github.given.keys(), 'secret-of-gate', BADGE, fs.readFileSync(path.join(world.folder, 'workload.jwt'), 'utf8').trim());
    const files = fs.readdirSync(world.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && (entry.name === 'gateway.log' || entry.parentPath.startsWith(world.data)))
      .map((entry) => path.join(entry.parentPath, entry.name));
    assert(files.some((file) => file.endsWith('.jsonl')) && files.some((file) => file.endsWith('.redb')), files.join(' '));
    for (const file of files) {
      const text = fs.readFileSync(file, 'latin1');
      for (const canary of canaries) {
        for (const form of [canary, Buffer.from(canary).toString('hex'), Buffer.from(canary).toString('base64').replace(/=+$/, '')]) {
          assert(!text.includes(form), `${file} holds a secret`);
        }
      }
    }
  },
};
