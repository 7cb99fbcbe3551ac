// Secrets the run has used, and a search for them in everything it has written.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { equal } from './trees.mjs';

const secret = (name) => `canary-${name}-${crypto.randomBytes(18).toString('hex')}`;

export const plant = () => ({ argument: secret('argument'), baggage: secret('baggage'), header: secret('header') });

function files(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) return files(at);
    return entry.isFile() ? [at] : [];
  });
}

// A text as it stands, in hexadecimal, and in base64 at each of the three places it can begin.
function forms(text) {
  const inner = [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]);
    const [first, last] = [Math.ceil((shift * 8) / 6), Math.floor((whole.length * 8) / 6)];
    return whole.toString('base64').slice(first, last);
  });
  return [text, Buffer.from(text).toString('hex'), ...inner, ...inner.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

export function search(folder, secrets) {
  const wanted = secrets.flatMap((text) => forms(text).map((form) => ({ text, form: Buffer.from(form) })));
  return files(folder).flatMap((file) => {
    const bytes = fs.readFileSync(file);
    return wanted.filter(({ form }) => bytes.includes(form)).map(({ text }) => `${text.slice(0, 24)}… in ${path.relative(folder, file)}`);
  });
}

// Writes down what can only be asked for, and what the run has used that nobody else may read.
export async function gather({ backend, folder, worlds }) {
  const traces = [...new Set(backend.desk.spans.map(({ trace }) => trace))];
  for (const trace of traces.slice(-500)) fs.appendFileSync(path.join(folder, 'jaeger-traces.jsonl'), `${await backend.told(trace)}\n`);
  fs.writeFileSync(path.join(folder, 'prometheus.json'), JSON.stringify(await backend.collector.numbers()));
  for (const { gateway } of worlds) fs.writeFileSync(path.join(folder, `metrics-${gateway.port}.json`), JSON.stringify(await gateway.numbers()));
}

export const CANARY = {
  async 'the search finds what is there'({ folder, worlds, backend }) {
    const looked = worlds.filter(({ refused }) => refused);
    equal(looked.length, 2, 'gateways whose refusals are looked for');
    for (const { refused, servers, service } of looked) {
      const span = backend.desk.spans.find((one) => one.service === service && one.attributes['hopgate.call'] === refused);
      const found = search(folder, [refused]).map((line) => line.split(' in ')[1]);
      for (const where of ['gateway.log', 'desk-spans.jsonl', 'desk-logs.jsonl', 'jaeger-traces.jsonl', 'data/audit/']) {
        equal(found.some((file) => file.includes(where)), true, `the refused call ${refused} in ${where}, found`);
      }
      equal(Boolean(span), true, 'its span, found');
      equal(servers.b.received.length > 0 && servers.c.received.length > 0, true, 'hop tokens, used');
    }
    equal(search(folder, ['tools/call relay']).length > 0, true, 'a name of a span, found');
    const text = 'a secret that must not be missed';
    const file = path.join(folder, 'planted');
    for (const form of forms(text)) {
      fs.writeFileSync(file, `before ${form} after`);
      equal(search(folder, [text]).length > 0, true, `${form} found`);
    }
    fs.rmSync(file);
  },
  async 'no secret is anywhere'({ folder, worlds, canary }) {
    const hops = worlds.flatMap(({ servers: { b, c } }) => [b, c].flatMap(({ received }) => received.flatMap(({ headers }) => {
      // The last part of a token is its signature: whoever has written that has written the token.
      const token = headers['txn-token'];
      return [token, token.split('.').at(-1)];
    })));
    const secrets = [...Object.values(canary), ...worlds.flatMap(({ gateway }) => gateway.keys), ...new Set(hops)];
    equal([...new Set(search(folder, secrets))].join('; '), '', 'secrets found');
  },
};
