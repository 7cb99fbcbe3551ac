// What agents of a real trust domain meet at the real gateway.
//
// The cases share one SPIRE and one gateway and run in order: SPIRE's agent is stopped only at the end.
import path from 'node:path';
import { sleep } from '../conformance/processes.mjs';
import { call, connect, hold, loop, passed, startGateway, startUpstream } from './gateway.mjs';
import { startSpire, until } from './spire.mjs';

const TRUST_DOMAIN = 'example.org';
const ID = `spiffe://${TRUST_DOMAIN}/ns/billing/sa/reconciler`;
const HOUR = { x509: 3600, jwt: 3600 };
// SPIRE dates an SVID back by 10 s and renews it at half its life: these are renewed every few seconds.
const BRIEF = { x509: 16, jwt: 16 };

const equal = (found, expected, what) => { if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}`); };
const good = (answer, what) => { if (!passed(answer)) throw new Error(`${what}: ${answer.status} ${answer.text.slice(0, 300)}`); };
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const kid = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;

export async function build(binary, folder) {
  const spire = await startSpire(folder, { trustDomain: TRUST_DOMAIN });
  const upstream = await startUpstream();
  const entries = { gateway: await spire.register(`spiffe://${TRUST_DOMAIN}/gateway`, spire.program(binary), BRIEF) };
  entries.agent = await spire.register(ID, spire.workload('agent'), HOUR);
  entries.edge = await spire.register(`spiffe://${TRUST_DOMAIN}/edge`, spire.workload('edge'), { x509: 3600, dns: ['localhost'] });
  const edge = await until('the SVID of the edge', () => spire.workload('edge').fetchX509());
  const gate = (tag, files) => startGateway(binary, { trustDomain: TRUST_DOMAIN, endpoint: spire.endpoint, upstream: upstream.url, files }, folder, tag);
  const gateway = await gate('gateway');
  await until('readiness', async () => (await gateway.readiness()).status === 200);
  const svid = hold(await until('the SVID of the agent', () => spire.workload('agent').fetchX509()));
  return { folder, spire, upstream, entries, edge, gate, gateway, svid, stop: async () => { upstream.close(); await spire.stop(); } };
}

const jwt = ({ spire, gateway }, name = 'agent', audience = gateway.url()) => until('the token', () => spire.workload(name).fetchJwt(audience));

// A 401 whose record says why; and nothing may have reached the server.
async function unproven(world, pool, how, why) {
  const before = world.upstream.heads.length;
  const answer = await call(pool, how);
  equal(answer.status, 401, 'status');
  if (!/^Bearer /.test(answer.challenge)) throw new Error(`the challenge: ${answer.challenge}`);
  const { reason, subject } = await pool.gateway.record(answer);
  if (!why.test(reason)) throw new Error(`the record says: ${reason}`);
  equal(subject ?? null, null, 'subject');
  equal(world.upstream.heads.length, before, 'requests that reached the server');
}

export const CASES = {
  async 'an X.509-SVID calls, and the record has its exact ID'(world) {
    const { gateway, svid, upstream } = world;
    const answer = await call(connect(gateway, svid));
    good(answer, 'the call');
    const record = await gateway.record(answer);
    equal(record.subject, ID, 'subject');
    equal(record.agent, 'reconciler', 'agent');
    equal(record.server, 'up', 'server');
    if (/authorization|spiffe|BEGIN CERT/i.test(upstream.heads.at(-1))) throw new Error(`the server got ${upstream.heads.at(-1)}`);
  },
  async 'a pattern names the agent, the record still the exact ID'(world) {
    const id = `spiffe://${TRUST_DOMAIN}/fleet/nr-7`;
    world.entries.fleet = await world.spire.register(id, world.spire.workload('fleet'), BRIEF);
    const svid = hold(await until('its SVID', () => world.spire.workload('fleet').fetchX509()));
    const answer = await call(connect(world.gateway, svid));
    good(answer, 'the call');
    const record = await world.gateway.record(answer);
    equal(record.subject, id, 'subject');
    equal(record.agent, 'fleet', 'agent');
  },
  async 'a JWT-SVID for the endpoint calls'(world) {
    const { gateway, svid, upstream } = world;
    const token = await jwt(world);
    const answer = await call(connect(gateway, svid, { bare: true }), { token });
    good(answer, 'the call');
    equal((await gateway.record(answer)).subject, ID, 'subject');
    if (upstream.heads.at(-1).includes(token.split('.')[2])) throw new Error('the server got the token');
  },
  async 'a JWT-SVID for another audience is refused'(world) {
    const { gateway, svid } = world;
    const bare = connect(gateway, svid, { bare: true });
    await unproven(world, bare, { token: await jwt(world, 'agent', 'https://elsewhere.example/mcp') }, /another audience/);
    await unproven(world, bare, { token: await jwt(world), server: 'side' }, /another audience/);
  },
  async 'a bad token is not made good by a good certificate'(world) {
    const { gateway, svid } = world;
    await unproven(world, connect(gateway, svid), { token: await jwt(world, 'agent', 'https://elsewhere.example/mcp') }, /another audience/);
  },
  async 'a changed JWT-SVID is refused'(world) {
    const [head, body, signature] = (await jwt(world)).split('.');
    const other = Buffer.from(JSON.stringify({ ...claims(`.${body}.`), sub: `spiffe://${TRUST_DOMAIN}/fleet/nr-7` })).toString('base64url');
    await unproven(world, connect(world.gateway, world.svid, { bare: true }), { token: `${head}.${other}.${signature}` }, /signature/);
  },
  async 'without a certificate there is nobody'(world) {
    await unproven(world, connect(world.gateway, world.svid, { bare: true }), {}, /no proof|nobody|came/i);
  },
  async 'the same ID of another authority is refused'(world) {
    const other = await startSpire(path.join(world.folder, 'other'), { trustDomain: TRUST_DOMAIN });
    try {
      await other.register(ID, other.workload('agent'), HOUR);
      const svid = { ...hold(await until('its SVID', () => other.workload('agent').fetchX509())), ca: world.svid.ca };
      equal(svid.id, ID, 'ID');
      await unproven(world, connect(world.gateway, svid), {}, /no authority of the certificate's trust domain has signed it/);
      const token = await until('its token', () => other.workload('agent').fetchJwt(world.gateway.url()));
      equal(claims(token).sub, ID, 'sub');
      await unproven(world, connect(world.gateway, svid, { bare: true }), { token }, /no such key/);
    } finally { await other.stop(); }
  },
  async 'a workload that is no agent is refused'(world) {
    const { spire, gateway, upstream } = world;
    const id = `spiffe://${TRUST_DOMAIN}/ns/billing/sa/reconciler-2`;
    await spire.register(id, spire.workload('stranger'), HOUR);
    const svid = hold(await until('its SVID', () => spire.workload('stranger').fetchX509()));
    const before = upstream.heads.length;
    const answer = await call(connect(gateway, svid));
    equal(answer.status, 403, 'status by certificate');
    const { reason } = await gateway.record(answer);
    if (!reason.includes(id)) throw new Error(`the record says: ${reason}`);
    equal((await call(connect(gateway, svid, { bare: true }), { token: await jwt(world, 'stranger') })).status, 403, 'status by token');
    equal(upstream.heads.length, before, 'requests that reached the server');
  },
  async 'a gateway with a certificate of its own knows the workloads too'(world) {
    const gateway = await world.gate('edge', world.edge);
    try {
      await until('readiness', async () => (await gateway.readiness()).status === 200);
      const answer = await call(connect(gateway, world.svid));
      good(answer, 'the call');
      equal((await gateway.record(answer)).subject, ID, 'subject');
      await unproven(world, connect(gateway, world.svid, { bare: true }), {}, /no proof|nobody|came/i);
    } finally { await gateway.stop(); }
  },
  async "the gateway's own certificate follows its SVID"({ gateway, svid }) {
    const prints = new Set();
    await until('three of them', async () => { prints.add((await gateway.served(svid.ca)).print); return prints.size === 3; });
    equal(gateway.child.exitCode, null, 'the exit code of the gateway');
  },
  'traffic meets no rotation': traffic,
  async 'what a revoked authority has signed is refused'(world) {
    const { old, gateway, svid } = world;
    if (!old) throw new Error('nothing has been rotated');
    if (old.svid.ends < Date.now() + 60000 || claims(old.token).exp * 1000 < Date.now() + 60000) throw new Error('it has ended by itself');
    const ca = { ca: svid.ca };
    await unproven(world, old.kept, {}, /no authority of the certificate's trust domain has signed it/);
    equal(old.kept.opened, 1, 'connections of the kept one');
    await unproven(world, connect(gateway, { ...old.svid, ...ca }), {}, /no authority of the certificate's trust domain has signed it/);
    await unproven(world, connect(gateway, { ...old.svid, ...ca }, { bare: true }), { token: old.token }, /no such key/);
  },
  'a deleted workload is refused when its SVID ends': deleted,
  async "known bundles go on when SPIRE's agent stops"(world) {
    const { spire, gateway, entries, svid } = world;
    await spire.remove(entries.gateway);
    await spire.register(`spiffe://${TRUST_DOMAIN}/gateway`, spire.program(`/proc/${gateway.child.pid}/exe`), HOUR);
    await until('an own SVID that lasts', async () => (await gateway.served(svid.ca)).ends > Date.now() + 600000);
    const [kept, token] = [connect(gateway, svid), await jwt(world)];
    world.edge = await spire.workload('edge').fetchX509();
    good(await call(kept), 'before, on a connection that is kept');
    await spire.stopAgent();
    for (let turn = 0; turn < 20; turn++) {
      good(await call(kept), 'on a connection that is kept');
      good(await call(connect(gateway, svid, { kept: false })), 'on a new connection');
      good(await call(connect(gateway, svid, { bare: true, kept: false }), { token }), 'by token');
      await sleep(200);
    }
    equal(kept.opened, 1, 'connections of the kept one');
    equal((await gateway.readiness()).status, 200, 'readiness');
    Object.assign(world, { token });
  },
  async 'without SPIRE a gateway knows nobody, and says so; when SPIRE comes it works'(world) {
    const { spire, svid, edge } = world;
    const [own, files] = [await world.gate('early'), await world.gate('early-edge', edge)];
    try {
      for (const gateway of [own, files]) {
        const { status, unready } = await gateway.readiness();
        equal(status, 503, 'readiness');
        if (!unready.some((text) => text.includes('identities.mesh'))) throw new Error(`unready: ${unready}`);
      }
      await unproven(world, connect(files, svid), {}, /certificate/);
      await unproven(world, connect(files, svid, { bare: true }), { token: await tokenFor(world) }, /bundle is not known yet/);
      await call(connect(own, svid)).then((answer) => { throw new Error(`without a certificate of its own: ${answer.status}`); }, (error) => { if (!/alert|handshake|ECONNRESET|hang up/i.test(error.message)) throw error; });
      await spire.startAgent();
      for (const gateway of [own, files]) {
        await until('readiness', async () => (await gateway.readiness()).status === 200);
        const answer = await until('a call', async () => { const now = await call(connect(gateway, svid)); return passed(now) && now; });
        equal((await gateway.record(answer)).subject, ID, 'subject');
      }
      good(await call(connect(world.gateway, svid)), 'the gateway that was there before');
    } finally { await Promise.all([own.stop(), files.stop()]); }
  },
};

// A token made before the agent stopped: its audience does not come into play where no key is known.
const tokenFor = ({ token }) => { if (!token) throw new Error('no token was kept'); return token; };

// Five callers that never pause, while everything SPIRE signs with and has signed is replaced.
async function traffic(world) {
  const { spire, gateway } = world;
  const seen = { fleet: new Set(), agent: new Set(), served: new Set() };
  const now = {};
  // What a workload does when it is given a new SVID: what it calls from then on uses it.
  const renew = async () => {
    const [agent, fleet] = [hold(await spire.workload('agent').fetchX509()), hold(await spire.workload('fleet').fetchX509())];
    if (!seen.agent.has(agent.print)) now.steady = connect(gateway, agent);
    if (!seen.fleet.has(fleet.print)) now.brief = connect(gateway, fleet);
    now.fresh = connect(gateway, fleet, { kept: false });
    now.bare ??= connect(gateway, fleet, { bare: true });
    now.bareFresh = connect(gateway, fleet, { bare: true, kept: false });
    now.token = await spire.workload('fleet').fetchJwt(gateway.url());
    [now.agent, now.authorities] = [agent, agent.ca.match(/BEGIN/g).length];
    seen.agent.add(agent.print);
    seen.fleet.add(fleet.print);
    seen.served.add((await gateway.served(agent.ca)).print);
  };
  const renewed = (what, is) => until(what, async () => { await renew(); await sleep(300); return is(); });
  await renew();
  world.old = { svid: now.agent, token: await jwt(world), kept: connect(gateway, now.agent) };
  good(await call(world.old.kept), 'by certificate');
  good(await call(connect(gateway, now.agent, { bare: true }), { token: world.old.token }), 'by token');
  const loops = [
    loop(() => ({ pool: now.steady })),
    loop(() => ({ pool: now.brief })),
    loop(() => ({ pool: now.fresh })),
    loop(() => ({ pool: now.bare, token: now.token })),
    loop(() => ({ pool: now.bareFresh, token: now.token })),
  ];
  let states;
  try {
    await renewed('SVIDs that rotate', () => seen.fleet.size >= 4 && seen.served.size >= 4);
    const x509 = await spire.rotate('x509');
    await renewed('both X.509 authorities', () => now.authorities === 2);
    await x509.activate();
    await x509.taint();
    await renewed('an SVID of the new authority', () => now.agent.print !== world.old.svid.print);
    const [fleet, served] = [seen.fleet.size, seen.served.size];
    await renewed("everybody's", () => seen.fleet.size > fleet && seen.served.size > served);
    await x509.revoke();
    await renewed('one X.509 authority', () => now.authorities === 1);
    const signers = await spire.rotate('jwt');
    // Nobody tells when a bundle has reached everybody; it takes a second.
    await sleep(3000);
    await signers.activate();
    await signers.taint();
    // The agent hands out a token until half of its life, unless it has heard that its authority is tainted.
    await renewed('tokens of the new authority', async () => kid(await jwt(world)) !== kid(world.old.token) && kid(now.token) !== kid(world.old.token));
    await signers.revoke();
    await renewed('SVIDs that rotate on', () => seen.fleet.size > fleet + 2);
  } finally {
    states = await Promise.all(loops.map((one) => one.end()));
  }
  world.svid = now.agent;
  const failures = states.flatMap((state) => state.failures);
  const calls = states.reduce((sum, state) => sum + state.calls, 0);
  console.log(`     ${calls} calls, ${seen.fleet.size} SVIDs of one caller, ${seen.served.size} of the gateway, ${failures.length} failures`);
  if (failures.length) throw new Error(`${failures.length} of ${calls} calls failed: ${[...new Set(failures)].slice(0, 5).join('; ')}`);
  if (states.some((state) => state.calls < 100)) throw new Error(`too few calls: ${states.map((state) => state.calls)}`);
  equal(now.bare.opened, 1, 'connections of the one that was kept throughout');
  equal(now.steady.opened, 1, "connections of the steady caller's last SVID");
}

async function deleted(world) {
  const { spire, gateway } = world;
  const entry = await spire.register(`spiffe://${TRUST_DOMAIN}/fleet/gone`, spire.workload('gone'), BRIEF);
  const files = await until('its SVID', () => spire.workload('gone').fetchX509());
  const token = await jwt(world, 'gone');
  await spire.remove(entry);
  await until('the refusal', () => spire.workload('gone').fetchX509().then(() => false, (error) => /no identity issued/i.test(error.stdout + error.stderr)), 15000);
  const svid = hold(files);
  const [kept, again, bare] = [connect(gateway, svid), connect(gateway, svid, { kept: false }), connect(gateway, svid, { bare: true })];
  // A certificate holds through its last second.
  const over = svid.ends + 1000;
  if (Date.now() > svid.ends - 1000) throw new Error('its SVID ended before it was deleted');
  while (Date.now() < svid.ends - 500) {
    for (const pool of [kept, again]) good(await call(pool), 'while its SVID lasts');
    await sleep(200);
  }
  await sleep(Math.max(0, over + 500 - Date.now()));
  for (const pool of [kept, again, connect(gateway, svid)]) await unproven(world, pool, {}, /has expired/);
  equal(kept.opened, 1, 'connections of the kept one');
  if (!again.resumed) throw new Error('no session was resumed');
  // Clocks may differ by 30 s where a token is judged.
  const end = claims(token).exp * 1000;
  await sleep(Math.max(0, end + 31500 - Date.now()));
  await unproven(world, bare, { token }, /expired|exp/);
}
