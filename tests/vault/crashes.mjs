// The gateway ends without warning between every two steps of a lease's life. The list of steps is the gateway's own, so
// that a step nobody has thought of here is tried like the others.
import assert from 'node:assert/strict';
import { nothingLeft, SOON } from './cases.mjs';
import { said } from './world.mjs';

// The vault ends what was minted in a session just after it has said that the session has ended.
const MOMENT = 1000;

// The gateway is begun again: when it is ready nothing is left. What it knows only by its session may need a moment more.
async function recovered(world, { known }) {
  await world.gateway.begin();
  if (known) assert.deepEqual(await world.postgres.roles(), [], 'roles when it is ready');
  await nothingLeft(world, known ? SOON : MOMENT);
}

// Steps at which the journal knows what takes a lease back, or nothing is to be taken back.
const KNOWN = ['wanted', 'intended', 'kept', 'used', 'ending', 'revoked', 'recorded'];

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
  // A caller's session may end itself and not its leases one by one.
  await recovered(world, { known: KNOWN.includes(step) && name !== 'mine' });
  assert.deepEqual(await gateway.leases(), []);
  await gateway.stop();
  assert.deepEqual(await world.bao.sessions(), before, 'no session is left');
  await gateway.begin();
};

const each = (steps, name, who) => Object.fromEntries(steps.map((step) => [`${name}: it ends after \`${step}\``, crash(step, name, who)]));

export const crashes = (steps) => ({
  ...each(steps, 'ledger', 'ann'),
  ...each(steps, 'mine', 'cid'),
  ...each(steps, 'lent', 'ann'),
  async 'kill -9 with twenty leases'(world) {
    const { gateway, postgres } = world;
    const open = async () => {
      const task = await gateway.open('ann');
      assert.match(said(await gateway.call('ann', 'ledger', { task })), / sees 42$/);
    };
    await Promise.all([...Array(20)].map(open));
    assert.equal((await postgres.roles()).length, 20);
    await gateway.kill();
    await recovered(world, { known: true });
    assert.deepEqual(await gateway.leases(), []);
  },
  async 'kill -9 in the middle of twenty mints'(world) {
    const { gateway } = world;
    const tasks = await Promise.all([...Array(20)].map(() => gateway.open('ann')));
    const calls = tasks.map((task) => gateway.call('ann', 'ledger', { task }).catch(() => {}));
    await Promise.race(calls);
    await gateway.kill();
    await Promise.all(calls);
    await recovered(world, { known: false });
    assert.deepEqual(await gateway.leases(), []);
  },
});
