// Leases of a vault as agents and operators meet them: minted when needed, gone when what they were for has ended.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { until } from '../spire/spire.mjs';
import { SECRET } from './openbao.mjs';
import { said } from './world.mjs';

// G2: what was minted for a task is gone so soon after its end.
export const SOON = 5000;
const hash = (text) => crypto.createHash('sha256').update(text).digest('hex');

// No role, no lease and no session is left.
export async function nothingLeft({ postgres, bao }, ms = SOON) {
  await until('no role is left', async () => (await postgres.roles()).length === 0, ms);
  await until('no lease is left', async () => (await bao.leases()).length === 0, ms);
}

// A call that works; as whom.
async function works(gateway, who, name, more) {
  const answer = said(await gateway.call(who, name, more));
  const [, role] = /^(v-\S+) sees 42$/.exec(answer) ?? assert.fail(answer);
  return role;
}

async function roleOfTask({ gateway, postgres }, who, name) {
  const task = await gateway.open(who);
  const before = await postgres.roles();
  const role = await works(gateway, who, name, { task });
  assert.ok(!before.includes(role), `${role} was there before`);
  assert.ok((await postgres.roles()).includes(role), `${role} is not there`);
  return { task, role };
}

export const CASES = {
  async 'a query works with a role that was not there before, and is gone with its task'(world) {
    const { gateway, postgres } = world;
    assert.deepEqual(await postgres.roles(), []);
    const { task, role } = await roleOfTask(world, 'ann', 'ledger');
    assert.equal(await works(gateway, 'ann', 'ledger', { task }), role, 'one lease for all calls of a task');
    const [lease, ...more] = await gateway.leases();
    assert.deepEqual([lease.state, lease.credential, lease.task.replaceAll('-', ''), more.length], ['live', 'ledger', task.replaceAll('-', ''), 0]);
    assert.equal((await gateway.close('ann', task)).status, 200);
    await nothingLeft(world);
    assert.deepEqual(await gateway.leases(), []);
  },
  async 'a lease is cut to what the credential allows, at the vault and at the database'(world) {
    const { gateway, postgres, bao } = world;
    const { task } = await roleOfTask(world, 'ann', 'ledger');
    const [left] = await postgres.ask("SELECT extract(epoch FROM rolvaliduntil - now())::int FROM pg_roles WHERE rolname LIKE 'v-%'");
    // The vault adds some seconds for clocks that differ.
    assert.ok(Number(left) <= 130, `the role is good for ${left} s`);
    const [id] = await bao.leases();
    const { ttl } = (await bao.ask('POST', 'sys/leases/lookup', { lease_id: `database/creds/ledger/${id}` })).data;
    assert.ok(ttl <= 120, `the lease lives ${ttl} s`);
    await gateway.close('ann', task);
    await nothingLeft(world);
  },
  async 'tasks and agents have roles of their own'(world) {
    const { gateway, postgres } = world;
    const [one, two] = [await roleOfTask(world, 'ann', 'ledger'), await roleOfTask(world, 'ann', 'ledger')];
    const other = await roleOfTask(world, 'bob', 'ledger');
    assert.equal(new Set([one.role, two.role, other.role]).size, 3);
    await gateway.close('ann', one.task);
    await until('its role is gone', async () => !(await postgres.roles()).includes(one.role), SOON);
    assert.deepEqual((await postgres.roles()).sort(), [two.role, other.role].sort());
    assert.equal(await works(gateway, 'ann', 'ledger', { task: two.task }), two.role);
    await gateway.close('ann', two.task);
    await gateway.close('bob', other.task);
    await nothingLeft(world);
  },
  async 'twenty calls that begin at once share one lease'(world) {
    const { gateway, postgres } = world;
    const task = await gateway.open('ann');
    const roles = await Promise.all([...Array(20)].map(() => works(gateway, 'ann', 'ledger', { task })));
    assert.equal(new Set(roles).size, 1);
    assert.equal((await postgres.roles()).length, 1);
    await gateway.close('ann', task);
    await nothingLeft(world);
  },
  async 'a lease for one call is gone when that is answered'(world) {
    const roles = [await works(world.gateway, 'ann', 'once'), await works(world.gateway, 'ann', 'once')];
    assert.notEqual(roles[0], roles[1]);
    await nothingLeft(world);
  },
  async 'a lease for one call is gone when its caller has gone away'(world) {
    const { gateway, servers, postgres } = world;
    const call = gateway.call('ann', 'once', { tool: 'wait', ms: 1500 });
    call.catch(() => {});
    await until('the tool waits', () => servers.waiting() === 1);
    assert.equal((await postgres.roles()).length, 1);
    await assert.rejects(call);
    await nothingLeft(world);
    servers.release();
  },
  async 'a session takes its lease along'(world) {
    const { gateway, postgres } = world;
    const session = await gateway.session('ann', 'old');
    const [, role] = /^(v-\S+) sees 42$/.exec(said(await session.call()));
    await session.close();
    await until('its role is gone', async () => !(await postgres.roles()).includes(role), SOON);
  },
  async 'an agent that is withdrawn has nothing any more'(world) {
    const { gateway } = world;
    await works(gateway, 'bob', 'ledger');
    await gateway.setState('bob', 'suspended');
    await nothingLeft(world);
    await gateway.setState('bob', 'active');
    await until('bob may call again', async () => (await gateway.call('bob', 'ledger')).status === 200);
    await gateway.cli('leases', 'revoke', '--agent', 'bob');
    await nothingLeft(world);
  },
  async 'operators end leases'(world) {
    const { gateway } = world;
    const { task } = await roleOfTask(world, 'ann', 'ledger');
    await gateway.cli('leases', 'revoke', '--all');
    await nothingLeft(world);
    // The task goes on, with another.
    await works(gateway, 'ann', 'ledger', { task });
    await gateway.close('ann', task);
    await nothingLeft(world);
  },
  async 'logins: by the JWT in a file'(world) {
    const { task } = await roleOfTask(world, 'ann', 'filed');
    assert.ok((await world.bao.sessions()).some(({ by, meta }) => by === 'auth/jwt/login' && meta.role === 'hopgate'));
    await world.gateway.close('ann', task);
    await nothingLeft(world);
  },
  async 'logins: by the JWT the caller came with'(world) {
    const { task } = await roleOfTask(world, 'cid', 'mine');
    assert.ok((await world.bao.sessions()).some(({ by, meta }) => by === 'auth/jwt/login' && meta.role === 'agents'));
    await world.gateway.close('cid', task);
    await nothingLeft(world);
    // Ann came with a key, which is no JWT.
    const refused = await world.gateway.call('ann', 'mine');
    assert.doesNotMatch(said(refused), / sees /);
    await nothingLeft(world);
  },
  async 'logins: by a token below the one in a file'(world) {
    const { task } = await roleOfTask(world, 'ann', 'lent');
    const below = (await world.bao.sessions()).filter(({ by }) => by === 'auth/token/create');
    assert.equal(below.length, 1);
    assert.match(below[0].meta.hopgate, /^hopgate-[0-9a-f]{32}$/);
    await world.gateway.close('ann', task);
    await nothingLeft(world);
    await world.bao.ask('POST', 'auth/token/lookup', { token: world.bao.token.value });
  },
  async 'a secret that is only read leaves nothing behind'(world) {
    const task = await world.gateway.open('ann');
    const bearer = `Bearer ${SECRET}`;
    assert.equal(said(await world.gateway.call('ann', 'shown', { task })), `${bearer.length} ${hash(bearer)}`);
    assert.deepEqual(await world.bao.sessions(), []);
    await world.gateway.close('ann', task);
  },
  async 'a certificate is revoked with its task'(world) {
    const task = await world.gateway.open('ann');
    await world.gateway.call('ann', 'web', { task });
    const serials = (await world.bao.ask('LIST', 'pki/certs')).data.keys;
    const certificates = await Promise.all(serials.map((serial) => world.bao.ask('GET', `pki/cert/${serial}`)));
    const names = certificates.map(({ data }) => new crypto.X509Certificate(data.certificate).subject);
    const at = names.indexOf('CN=ann.example.com');
    assert.ok(at >= 0, names.join());
    assert.equal(certificates[at].data.revocation_time, 0);
    await world.gateway.close('ann', task);
    await until('it is revoked', async () => (await world.bao.ask('GET', `pki/cert/${serials[at]}`)).data.revocation_time > 0, SOON);
    await until('no session is left but the own', async () => (await world.bao.sessions()).length <= 1, SOON);
  },
  async 'a gateway that stops has taken everything back, its own sessions too'(world) {
    const { gateway, postgres, bao } = world;
    for (const name of ['ledger', 'filed', 'lent']) await works(gateway, 'ann', name);
    await works(gateway, 'cid', 'mine');
    assert.equal((await postgres.roles()).length, 4);
    assert.equal(await gateway.end(), 0, 'exit code');
    assert.deepEqual([await postgres.roles(), await bao.leases(), await bao.sessions()], [[], [], []]);
    await gateway.begin();
  },
};
