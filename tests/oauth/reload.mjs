// The configuration changes under verified callers.
import assert from 'node:assert/strict';
import { sleep } from '../conformance/processes.mjs';
import { call, legacy, listen, loop, opening, said } from './world.mjs';

const WITHIN_MS = 1000;

async function status(gateway, access, wanted) {
  const end = Date.now() + WITHIN_MS;
  let answer;
  do {
    answer = await call(gateway.url(), access);
    if (answer.status === wanted) return answer;
    await sleep(20);
  } while (Date.now() < end);
  return assert.fail(`${answer.status} instead of ${wanted} after ${WITHIN_MS} ms: ${answer.text}`);
}

export const reload = {
  async a_reload_loses_no_verified_caller({ gateway, token }) {
    const pool = [await token('svc'), await token('other'), await token('ci-1')];
    const calls = loop(gateway.url(), () => pool);
    for (let i = 0; i < 10; i++) {
      await sleep(200);
      gateway.reload({ purpose: `change ${i}` });
    }
    await sleep(500);
    const { calls: made, failures } = await calls.end();
    assert.deepEqual(failures, []);
    assert(made > 50, `only ${made} calls`);
  },
  async a_suspended_agent_is_refused_on_the_same_token({ gateway, token }) {
    const [access, bystander] = [await token('flicker'), await token('svc')];
    assert.equal(said(await call(gateway.url(), access)), 'hello');
    const calls = loop(gateway.url(), () => [bystander], 2);
    try {
      gateway.reload({ flicker: 'suspended' });
      const refusal = await status(gateway, access, 403);
      const stranger = await call(gateway.url(), await token('stranger'));
      assert.equal(stranger.status, 403);
      assert.equal(refusal.text, stranger.text, 'one message for all who may not come in');
      gateway.reload({ flicker: 'active' });
      said(await status(gateway, access, 200));
    } finally {
      assert.deepEqual((await calls.end()).failures, []);
    }
  },
  async a_suspended_agent_loses_its_stream({ gateway, token }) {
    const access = await token('flicker');
    const session = (await legacy(gateway.url(), access, 'initialize', opening)).headers['mcp-session-id'];
    const stream = await listen(gateway.url(), access, session);
    const began = Date.now();
    const late = setTimeout(stream.cut, 10000);
    gateway.reload({ flicker: 'suspended' });
    const lasted = (await stream.ended) - began;
    clearTimeout(late);
    gateway.reload({ flicker: 'active' });
    assert(lasted < 2 * WITHIN_MS, `its stream lasted ${lasted} ms`);
    said(await status(gateway, access, 200));
  },
};
