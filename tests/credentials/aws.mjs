// Sessions of moto's STS: that AWS's wire format is spoken. moto checks neither signatures nor trust, so this proves neither;
// the signature is held against botocore's in a unit test.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { CACHE, startServer } from '../conformance/peers.mjs';
import { freePort, start, stop, waitHttp } from '../conformance/processes.mjs';
import { call, said, startRecorder } from '../oauth/world.mjs';
import { holding, startGateway } from './gateway.mjs';

const ROLE = 'arn:aws:iam::123456789012:role/agents';
const SECRET = 'canary-aws-key-wJalrXUtnFEMI+K7MDENG';

// moto, and what it is asked.
async function startSts(folder) {
  const port = await freePort();
  const child = start(path.join(CACHE, 'moto/bin/moto_server'), ['-H', '127.0.0.1', '-p', port], { log: path.join(folder, 'moto.log') });
  await waitHttp(`http://127.0.0.1:${port}/moto-api/`, child);
  const asked = [];
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    asked.push({ form: Object.fromEntries(new URLSearchParams(body)), authorization: request.headers.authorization });
    const onward = http.request({ host: '127.0.0.1', port, path: request.url, method: request.method, headers: { ...request.headers, host: 'sts.amazonaws.com' } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  // As whom moto knows an access key.
  const whois = async (id) => {
    const authorization = `AWS4-HMAC-SHA256 Credential=${id}/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=x`;
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: 'Action=GetCallerIdentity&Version=2011-06-15' });
    return (await answer.text()).match(/<Arn>(.*?)<\/Arn>/)?.[1];
  };
  return { url: `http://127.0.0.1:${server.address().port}`, asked, whois };
}

const credential = (name, sts, keys) => `
[credentials.${name}]
kind = "aws"
role = "${ROLE}"
region = "eu-central-1"
endpoint = "${sts.url}"
scope = ["s3:GetObject@arn:aws:s3:::acme/ledger"]
inject = { header = "X-Aws", value = "{access_key_id} {secret_access_key} {session_token}" }
${keys}
`;

async function build({ binary, folder }, keys) {
  const sts = await startSts(folder);
  const tool = await startRecorder((await startServer('ts-v2', folder, 'ts')).url);
  fs.writeFileSync(path.join(folder, 'aws.secret'), SECRET, { mode: 0o600 });
  fs.writeFileSync(path.join(folder, 'web.jwt'), 'eyJhbGciOiJub25lIn0.canary-web-identity.x\n');
  const gateway = await startGateway(binary, folder, { tool: { url: tool.url, more: 'credential = "own"' } }, credential('own', sts, keys));
  return { sts, tool, gateway };
}

// One call, and what the tool was shown.
async function shown({ gateway, tool }) {
  assert.equal(said(await call(gateway.url('tool'))), 'hello');
  const lines = tool.heads.at(-1).split('\n');
  const value = lines[lines.findIndex((line) => line.toLowerCase() === 'x-aws') + 1];
  const [id, secret, token] = value.split(' ');
  assert(id && secret && token, value);
  return { id, secret, token };
}

const leases = (gateway) => fs.readdirSync(path.join(gateway.folder, 'data'), { recursive: true })
  .filter((file) => /secrets.*\.jsonl$/.test(file))
  .flatMap((file) => fs.readFileSync(path.join(gateway.folder, 'data', file), 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line));

export const aws = {
  async 'a session of a role is narrowed to the scope, tagged, and said to lapse'(place) {
    const world = await build(place, 'access_key = { id = "AKIDEXAMPLE", secret = { file = "aws.secret" } }\nsession_tags = true\nexternal_id = "acme"');
    const session = await shown(world);
    assert.match(await world.sts.whois(session.id), /^arn:aws:sts::123456789012:assumed-role\/agents\/hopgate-[0-9a-f]{32}$/);
    const { form, authorization } = world.sts.asked.at(-1);
    assert.match(authorization, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/sts\/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}$/);
    assert.deepEqual([form.Action, form.RoleArn, form.DurationSeconds, form.ExternalId], ['AssumeRole', ROLE, '900', 'acme']);
    assert.deepEqual(JSON.parse(form.Policy).Statement, [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme/ledger' }]);
    const tags = Object.fromEntries(Object.entries(form).filter(([name]) => /^Tags\.member\.\d+\.Key$/.test(name)).map(([name, tag]) => [tag, form[name.replace('Key', 'Value')]]));
    assert.deepEqual([tags['hopgate:agent'], tags['hopgate:server'], tags['hopgate:chain']], ['tester', 'tool', 'tester']);
    await stop(world.gateway.child);
    const events = leases(world.gateway).filter((line) => line.kind === 'lease').map((line) => line.event);
    assert(events.includes('minted') && events.includes('lapses') && !events.includes('revoked'), events.join());
    assert.deepEqual(holding(path.join(world.gateway.folder, 'data'), [session.secret, session.token, SECRET]), []);
    assert.deepEqual(holding(world.gateway.folder, [session.secret]).map((file) => path.basename(file)), []);
  },
  async 'a token of the workload is shown instead of a key, and nothing is signed'(place) {
    const world = await build(place, 'web_identity = { file = "web.jwt" }');
    const session = await shown(world);
    assert.match(await world.sts.whois(session.id), /assumed-role\/agents\/hopgate-/);
    const { form, authorization } = world.sts.asked.at(-1);
    assert.equal(authorization, undefined);
    assert.deepEqual([form.Action, form.WebIdentityToken], ['AssumeRoleWithWebIdentity', 'eyJhbGciOiJub25lIn0.canary-web-identity.x']);
    assert(form.Policy.includes('s3:GetObject') && !Object.keys(form).some((name) => name.startsWith('Tags')));
  },
};
