// What docker/kubernetes says: valid to Kubernetes, its configuration valid to hopgate, and its Redis user able to do what
// hopgate does, and no more.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MANIFESTS = path.join(import.meta.dirname, '../../docker/kubernetes');
const VERSIONS = ['1.31', '1.37'];

const tool = (cache, name) => path.join(cache, 'kubernetes/bin', name);

// The documents of a manifest, read by a YAML parser that is not ours.
async function documents(cache, file) {
  const script = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))';
  return JSON.parse((await run(tool(cache, 'python3'), ['-c', script, path.join(MANIFESTS, file)])).stdout);
}

const one = (all, kind, name) => all.find((it) => it.kind === kind && it.metadata.name === name) ?? assert.fail(`no ${kind} ${name}`);

export const MANIFEST_CASES = {
  'every manifest is valid, strictly, in old and new versions of Kubernetes': async ({ cache }) => {
    const files = fs.readdirSync(MANIFESTS).filter((name) => name.endsWith('.yaml'));
    assert.ok(files.length >= 2);
    for (const version of VERSIONS) {
      await run(tool(cache, 'kubernetes-validate'), ['--strict', '-k', version, ...files.map((name) => path.join(MANIFESTS, name))]);
    }
  },

  'the configuration of the manifests has no mistake, and its times fit': async ({ cache, binary, folder }) => {
    const all = await documents(cache, 'hopgate.yaml');
    const { spec } = one(all, 'StatefulSet', 'hopgate').spec.template;
    const place = path.join(folder, 'manifests');
    const text = one(all, 'ConfigMap', 'hopgate').data['hopgate.toml'];
    // Every file it names is one that a volume brings.
    const mounts = spec.containers[0].volumeMounts.map((mount) => mount.mountPath);
    for (const [, named] of text.matchAll(/"(\/[^"]+)"/g)) {
      assert.ok(mounts.some((mount) => named === mount || named.startsWith(`${mount}/`)), `${named} is in no volume`);
    }
    for (const name of ['keys/seal.key', 'admin/token', 'redis/password', 'redis-ca/ca.crt']) {
      fs.mkdirSync(path.dirname(path.join(place, name)), { recursive: true });
      fs.writeFileSync(path.join(place, name), 'made-up-for-this-test');
    }
    const { stdout: key } = await run(binary, ['key', 'new']);
    fs.writeFileSync(path.join(place, 'keys/seal.key'), key);
    const file = path.join(place, 'hopgate.toml');
    fs.writeFileSync(file, text.replaceAll('/run/hopgate/', `${place}/`).replaceAll('/var/lib/hopgate', `${place}/data`));
    await run(binary, ['check', '--config', file]);
    const seconds = (name) => Number(new RegExp(`^ *${name} *= "(\\d+)s"`, 'm').exec(text)[1]);
    assert.ok(spec.terminationGracePeriodSeconds > seconds('linger') + seconds('drain'));
  },
};

// The line of the manifest that makes the gateways' user, with the hash of a password in it.
export async function redisUser(cache, hash) {
  const { spec } = one(await documents(cache, 'redis.yaml'), 'Deployment', 'redis').spec.template;
  const [, line] = /printf '([^']+)'/.exec(spec.initContainers[0].args[0]);
  return line.replaceAll('\\n', '\n').replace('%s', hash);
}
