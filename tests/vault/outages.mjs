// A vault, or the database behind it, that cannot be reached: what is to be revoked is, as soon as it can be.
import assert from 'node:assert/strict';
import { until } from '../spire/spire.mjs';
import { nothingLeft } from './cases.mjs';
import { said } from './world.mjs';

const works = async (gateway, who, name, more) => assert.match(said(await gateway.call(who, name, more)), / sees 42$/);

export const OUTAGES = {
  async 'a vault that is away is asked again until it is there'(world) {
    const { gateway, bao, postgres } = world;
    const task = await gateway.open('ann');
    await works(gateway, 'ann', 'ledger', { task });
    await bao.cut();
    await gateway.close('ann', task);
    const [lease] = await until('the trouble is seen', async () => { const all = await gateway.leases(); return all[0]?.trouble && all; });
    assert.equal(lease.state, 'revoking');
    assert.equal((await postgres.roles()).length, 1);
    // Nobody waits long for a credential meanwhile.
    const began = Date.now();
    const refused = await gateway.call('ann', 'ledger');
    assert.doesNotMatch(said(refused), / sees /);
    assert.ok(Date.now() - began < 5000, `refused after ${Date.now() - began} ms`);
    await bao.mend();
    await nothingLeft(world, 35000);
    assert.deepEqual(await gateway.leases(), []);
  },
  async 'a database that is away is no end of the matter'(world) {
    const { gateway, postgres } = world;
    const task = await gateway.open('ann');
    await works(gateway, 'ann', 'ledger', { task });
    await postgres.stop();
    await gateway.close('ann', task);
    const [lease] = await until('the trouble is seen', async () => { const all = await gateway.leases(); return all[0]?.trouble && all; });
    assert.equal(lease.state, 'revoking');
    await postgres.start();
    await nothingLeft(world, 35000);
    await until('the gateway knows', async () => (await gateway.leases()).length === 0, 35000);
  },
  async 'what is not revoked before it expires is counted, and the vault has it lapse'(world) {
    const { gateway, bao } = world;
    const ended = 'hopgate_leases_ended_total{how="irrevocable"}';
    const before = await gateway.number(ended);
    const task = await gateway.open('ann');
    await works(gateway, 'ann', 'short', { task });
    await bao.cut();
    await gateway.close('ann', task);
    await until('it is counted', async () => (await gateway.number(ended)) === before + 1, 40000);
    await bao.mend();
    await nothingLeft(world, 30000);
  },
};

// Its lease is shown until it expires: nothing comes after it.
export const LAST = {
  async 'what the vault will not take back after a crash is irrevocable, and shown'(world) {
    const { gateway, postgres, bao } = world;
    await works(gateway, 'ann', 'weak');
    await gateway.kill();
    await gateway.begin();
    const [lease] = await until('it is shown', async () => { const all = await gateway.leases(); return all[0]?.state === 'irrevocable' && all; });
    assert.match(lease.trouble, /403/);
    await until('it is measured', async () => (await gateway.number('hopgate_leases{state="irrevocable"}')) === 1);
    assert.equal((await postgres.roles()).length, 1);
    // Somebody looks after it by hand.
    await bao.ask('PUT', 'sys/leases/revoke-prefix/database/creds/ledger', {});
    await nothingLeft(world);
  },
};
