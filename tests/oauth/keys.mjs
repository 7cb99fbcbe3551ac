// The issuer's keys change, are asked for by kids nobody has, and cannot be fetched any more.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { sleep, stop } from '../conformance/processes.mjs';
import { call, claims, loop, said, signer } from './world.mjs';

// Between two fetches on account of unknown kids lies at least this long.
const FETCH_EVERY_MS = 30000;
// A token that was verified is known again without its key for this long.
const KNOWN_MS = 60000;
const STORM = 2000;
const AT_ONCE = 16;

const some = (count, make) => Promise.all([...Array(count)].map(make));

// Until the gateway may fetch the keys again at once.
async function rested(issuer) {
  const last = (await issuer.seen()).keys.at(-1) ?? 0;
  await sleep(Math.max(0, last + FETCH_EVERY_MS + 1000 - Date.now()));
}

// Tokens that look issued but name keys that nobody has.
async function unheard({ issuer, gateway }) {
  const key = await signer();
  return () => {
    const now = Math.floor(Date.now() / 1000);
    const said = { iss: issuer.url, aud: gateway.url(), sub: 'svc', client_id: 'svc', scope: 'tools:read', iat: now, exp: now + 600, jti: randomUUID() };
    return key.sign({ typ: 'at+jwt', kid: randomUUID() }, said);
  };
}

// The issuer signs with a new key while calls run. Once for all cases: between two rotations a gateway would have to rest.
let turn;
const rotation = (world) => (turn ??= rotate(world));

async function rotate({ gateway, issuer, token }) {
  const old = await some(4, () => token('svc'));
  const unused = await token('svc');
  const pool = [...old];
  const calls = loop(gateway.url(), () => pool);
  await rested(issuer);
  await issuer.rotate();
  const fresh = await some(4, () => token('svc'));
  pool.push(...fresh);
  await sleep(3000);
  return { old, unused, fresh, ...(await calls.end()) };
}

export const keys = {
  async a_rotation_loses_no_call(world) {
    const { old, fresh, failures, used } = await rotation(world);
    assert.notEqual(claims(fresh[0]).kid, claims(old[0]).kid);
    assert.deepEqual(failures.slice(0, 3), [], `${failures.length} failures`);
    assert.deepEqual(used, new Set([...old, ...fresh]), 'every token was used');
  },
  async a_dropped_key_takes_its_tokens_along(world) {
    const { gateway, issuer } = world;
    const { old, unused, fresh } = await rotation(world);
    for (const access of [...old, ...fresh]) assert.equal(said(await call(gateway.url(), access)), 'hello');
    await issuer.drop();
    await rested(issuer);
    const calls = loop(gateway.url(), () => fresh, 2);
    const before = (await issuer.seen()).keys.length;
    const forged = await unheard(world);
    assert.equal((await call(gateway.url(), await forged())).status, 401, 'an unknown kid has the keys fetched');
    assert.equal((await issuer.seen()).keys.length, before + 1);
    const refused = await call(gateway.url(), unused);
    assert.equal(refused.status, 401, 'a token of the old key');
    assert.equal(refused.challenge?.error, 'invalid_token');
    const end = Date.now() + KNOWN_MS;
    for (const access of old) {
      while ((await call(gateway.url(), access)).status === 200) {
        assert(Date.now() < end, 'a token that was known before outlives its key');
        await sleep(500);
      }
    }
    assert.deepEqual((await calls.end()).failures, []);
  },
  async a_storm_of_unknown_kids_is_no_storm_at_the_issuer(world) {
    const { gateway, issuer, token } = world;
    const known = await token('svc');
    const calls = loop(gateway.url(), () => [known], 1);
    const forged = await unheard(world);
    const before = (await issuer.seen()).keys.length;
    const began = Date.now();
    let refused = 0;
    const throwOne = async () => { if ((await call(gateway.url(), await forged())).status === 401) refused += 1; };
    // Most of it at once, the rest over more than the time after which the keys may be fetched again.
    const late = STORM / 10;
    await some(AT_ONCE, async () => { for (let i = 0; i < (STORM - late) / AT_ONCE; i++) await throwOne(); });
    for (let i = 0; i < late; i++) {
      await throwOne();
      await sleep((FETCH_EVERY_MS + 2000) / late);
    }
    assert.equal(refused, Math.ceil((STORM - late) / AT_ONCE) * AT_ONCE + late, 'all are refused');
    assert(Date.now() - began < 2 * FETCH_EVERY_MS, 'within the minute that allows two fetches');
    const fetched = (await issuer.seen()).keys.length - before;
    assert(fetched <= 2, `${fetched} fetches`);
    assert.deepEqual((await calls.end()).failures, [], 'known kids pass');
  },
  async an_issuer_that_is_gone_takes_nobody_along(world) {
    const { gateway, issuer, token, gate } = world;
    const [used, unused] = [await token('svc'), await token('other')];
    const everywhere = await token('svc', { resource: undefined });
    assert.equal(said(await call(gateway.url(), everywhere)), 'hello');
    assert.equal(said(await call(gateway.url(), used)), 'hello');
    const forged = await unheard(world);
    await stop(issuer.child);
    for (let i = 0; i < 5; i++) {
      assert.equal(said(await call(gateway.url(), used)), 'hello', 'a known token');
      assert.equal((await call(gateway.url(), await forged())).status, 401, 'a token of an unknown key');
    }
    assert.equal(said(await call(gateway.url(), unused)), 'hello', 'a token not seen before, of a known key');
    const cold = await gate('cold', '', false);
    assert.equal(await cold.readiness(), 503, 'who can verify nobody is not ready');
    const answer = await call(cold.url(), everywhere);
    assert([401, 503].includes(answer.status), `no keys, no call: ${answer.status}`);
    await cold.stop();
  },
  async no_token_has_reached_the_server({ upstream }) {
    assert(upstream.heads.length > 100, `${upstream.heads.length} requests`);
    const leaked = upstream.heads.filter((head) => /^(authorization|dpop|txn-token|x-forwarded-(user|access-token))$/im.test(head) || /eyJ[\w-]+\.eyJ/.test(head));
    assert.deepEqual(leaked.slice(0, 1), []);
  },
};
