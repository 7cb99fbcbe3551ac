// The gateway ends without warning between every two steps of a lease's life. The list of steps is the gateway's own, so
// that a step nobody has thought of here is tried like the others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { nothingLeft } from './cases.mjs';
import { said } from './world.mjs';

// R2: no credential outlives a restart by more than this.
const AFTER = 10000;
const SOURCE = new URL('../../gateway/src/credentials/step.rs', import.meta.url);
const STEPS = [...fs.readFileSync(SOURCE, 'utf8').matchAll(/Self::\w+ => "(\w+)"/g)].map(([, name]) => name);
assert.ok(STEPS.length >= 8, 'the steps of a lease are not where they were');

// The gateway is begun again, and by the time it is ready nothing is left.
async function recovered(world) {
  const began = Date.now();
  await world.gateway.begin();
  const left = await world.postgres.roles();
  await nothingLeft(world, Math.max(1, AFTER - (Date.now() - began)));
  // The vault ends leases of a session in its own time once it has ended that: a moment, and not ours to wait for.
  return left.length;
}

const crash = (step, name, who) => async (world) => {
  const { gateway } = world;
  await gateway.stop();
  const before = await world.bao.sessions();
  await gateway.begin({ failpoint: step });
  let gone = false;
  gateway.ended().then(() => { gone = true; });
  const task = await gateway.open(who);
  await gateway.call(who, name, { task }).then((answer) => assert.match(said(answer), / sees 42$/), () => {});
  if (!gone) await gateway.close(who, task).catch(() => {});
  await gateway.ended();
  await recovered(world);
  assert.deepEqual(await gateway.leases(), []);
  await gateway.stop();
  assert.deepEqual(await world.bao.sessions(), before, 'no session is left');
  await gateway.begin();
};

const each = (name, who) => Object.fromEntries(STEPS.map((step) => [`${name}: it ends after \`${step}\``, crash(step, name, who)]));

export const CRASHES = {
  ...each('ledger', 'ann'),
  ...each('mine', 'cid'),
  ...each('lent', 'ann'),
  async 'kill -9 with twenty leases'(world) {
    const { gateway, postgres } = world;
    const open = async () => {
      const task = await gateway.open('ann');
      assert.match(said(await gateway.call('ann', 'ledger', { task })), / sees 42$/);
    };
    await Promise.all([...Array(20)].map(open));
    assert.equal((await postgres.roles()).length, 20);
    await gateway.kill();
    await recovered(world);
    assert.deepEqual(await gateway.leases(), []);
  },
  async 'kill -9 in the middle of twenty mints'(world) {
    const { gateway } = world;
    const tasks = await Promise.all([...Array(20)].map(() => gateway.open('ann')));
    const calls = tasks.map((task) => gateway.call('ann', 'ledger', { task }).catch(() => {}));
    await Promise.race(calls);
    await gateway.kill();
    await Promise.all(calls);
    await recovered(world);
    assert.deepEqual(await gateway.leases(), []);
  },
};
