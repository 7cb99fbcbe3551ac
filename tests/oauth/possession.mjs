// Tokens bound to a key (DPoP, RFC 9449): good only with a fresh proof of that key for this very request.
import assert from 'node:assert/strict';
import { flowWithPossession } from './clients.mjs';
import { call, said, signer } from './world.mjs';

async function bound({ gateway, token }) {
  const dpop = await signer();
  const access = await token('bound', { dpop });
  const proof = (more) => dpop.proof({ htm: 'POST', htu: gateway.url(), for: access, ...more });
  const present = (proofs, scheme = 'DPoP') => call(gateway.url(), null, { headers: { authorization: `${scheme} ${access}`, ...(proofs && { dpop: proofs }) } });
  return { access, dpop, proof, present };
}

const refused = (answer, what) => assert.equal(answer.status, 401, `${what}: ${answer.status} ${answer.text}`);
const minutes = (n) => Math.floor(Date.now() / 1000) + n * 60;

export const possession = {
  async a_bound_token_passes_with_its_proof(world) {
    const { proof, present } = await bound(world);
    for (let i = 0; i < 3; i++) assert.equal(said(await present(await proof())), 'hello');
    const spelled = world.gateway.url().replace('http://', 'HTTP://');
    for (const htu of [`${spelled}?a=b`, `${spelled}#c`]) assert.equal(said(await present(await proof({ htu }))), 'hello', htu);
  },
  async a_bound_token_is_nothing_without_its_proof(world) {
    const { proof, present } = await bound(world);
    refused(await present(undefined), 'no proof');
    refused(await present(undefined, 'Bearer'), 'as a bearer');
    refused(await present(await proof(), 'Bearer'), 'as a bearer with a proof');
    refused(await present([await proof(), await proof()]), 'two proofs');
    refused(await present('x.y.z'), 'garbage');
  },
  async a_proof_is_good_once(world) {
    const { proof, present } = await bound(world);
    const once = await proof();
    assert.equal(said(await present(once)), 'hello');
    refused(await present(once), 'replayed');
    const raced = await proof();
    const answers = await Promise.all([...Array(20)].map(() => present(raced)));
    assert.equal(answers.filter((answer) => answer.status === 200).length, 1, 'of twenty at once');
  },
  async a_proof_is_good_for_one_request_only(world) {
    const { access, proof, present } = await bound(world);
    const { gateway } = world;
    const wrong = {
      'another endpoint': { htu: gateway.url('side') },
      'another host': { htu: gateway.url().replace('127.0.0.1', '127.0.0.2') },
      'another path': { htu: `${gateway.url()}/` },
      'another method': { htm: 'GET' },
      'no method': { htm: undefined },
      'no address': { htu: undefined },
      'no token': { for: undefined },
      'another token': { for: `${access}x` },
      'an old proof': { iat: minutes(-10) },
      'a proof from the future': { iat: minutes(10) },
      'no id': { jti: undefined },
      'no time': { iat: undefined },
      'another type': { header: { typ: 'JWT' } },
      'no key': { header: { jwk: undefined } },
    };
    for (const [what, more] of Object.entries(wrong)) refused(await present(await proof(more)), what);
    const other = await signer();
    refused(await present(await other.proof({ htm: 'POST', htu: gateway.url(), for: access })), 'another key');
    assert.equal(said(await present(await proof())), 'hello', 'the token itself is still good');
  },  // `require = "dpop"`: nobody of this source comes without.
  async a_source_may_require_possession(world) {
    const gateway = await world.gate('bound', 'require = "dpop"');
    try {
      const plain = await world.token('svc', { resource: gateway.url() });
      refused(await call(gateway.url(), plain), 'a plain token');
      const own = await signer();
      const proof = await own.proof({ htm: 'POST', htu: gateway.url(), for: plain });
      refused(await call(gateway.url(), null, { headers: { authorization: `DPoP ${plain}`, dpop: proof } }), 'a plain token with somebody\'s proof');
      const { proof: good, present } = await bound({ ...world, gateway, token: (client, more) => world.token(client, { resource: gateway.url(), ...more }) });
      assert.equal(said(await present(await good())), 'hello');
      await flowWithPossession(world, gateway);
    } finally {
      await gateway.stop();
    }
  },
};
