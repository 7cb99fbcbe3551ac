// Nothing the gateway has written holds a secret of this run, in any of the forms it might have taken on the way.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const files = (place) => fs.readdirSync(place, { withFileTypes: true, recursive: true }).filter((one) => one.isFile()).map((one) => path.join(one.parentPath ?? one.path, one.name));

function forms(secret) {
  const bytes = Buffer.from(secret);
  // In base64 a value looks otherwise at each of three places; the ends depend on its neighbours.
  const inner = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '');
    const whole = text.slice(shift && 4, -2);
    return [whole, whole.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return [secret, bytes.toString('hex'), bytes.toString('hex').toUpperCase(), encodeURIComponent(secret), ...inner];
}

export const CANARY = {
  async 'nothing was written that holds a secret'({ gateway, servers, bao, secret }) {
    const secrets = [...servers.used, secret, bao.approle.secret_id, bao.weak.secret_id, bao.token.value, fs.readFileSync(bao.jwtFile, 'utf8').trim()].filter(Boolean);
    assert.ok(secrets.length > 30, `only ${secrets.length} secrets were used`);
    const patterns = new Set(secrets.flatMap(forms));
    const written = files(gateway.place).filter((file) => !file.endsWith('hopgate.toml'));
    assert.ok(written.length > 4, written.join());
    for (const file of written) {
      const content = fs.readFileSync(file, 'latin1');
      for (const pattern of patterns) assert.ok(!content.includes(pattern), `${path.basename(file)} holds ${pattern.slice(0, 4)}…`);
    }
  },
};
