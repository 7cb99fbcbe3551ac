// Runs the official suite's server scenarios against one URL and reads its checks.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { start, stop } from './processes.mjs';
import { CACHE } from './peers.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SUITE = path.join(CACHE, 'suite/node_modules/@modelcontextprotocol/conformance');
const COMMAND = path.join(SUITE, 'dist/index.js');
const SHIM = Number(process.versions.node.split('.')[0]) < 22 ? ['--import', path.join(HERE, 'node20-shim.mjs')] : [];
const SCENARIO_MS = 15000;
const BATCH_MS = 240000;

export function version() {
  if (!fs.existsSync(COMMAND)) throw new Error(`no conformance suite in ${SUITE}: ./tests/run installs it`);
  return JSON.parse(fs.readFileSync(path.join(SUITE, 'package.json'), 'utf8')).version;
}

// requirements/REVISION.yaml is three flat lists, read here without a YAML library: scored and unscored server scenarios.
export function scenarios(revision) {
  const scored = [];
  const unscored = [];
  let section = '';
  let current;
  for (const line of fs.readFileSync(path.join(SUITE, 'requirements', `${revision}.yaml`), 'utf8').split('\n')) {
    let found = line.match(/^([a-z_]+):/);
    if (found) { section = found[1]; continue; }
    if (section === 'server' && (found = line.match(/^ +- (\S+)$/))) scored.push(found[1]);
    if (section !== 'not_scored') continue;
    if ((found = line.match(/^ +- scenario: (\S+)/))) current = { name: found[1] };
    else if (current && (found = line.match(/^ +leg: (\S+)/))) current.leg = found[1];
    else if (current && /^ +reason: /.test(line) && current.leg === 'server') unscored.push(current.name);
  }
  if (!scored.length) throw new Error(`the suite names no server scenario for ${revision}`);
  return { scored, unscored };
}

async function suite(args, ms, folder, log) {
  const child = start(process.execPath, [...SHIM, COMMAND, 'server', ...args, '--timeout', SCENARIO_MS], { cwd: folder, log });
  const timer = setTimeout(() => { child.late = true; stop(child); }, ms);
  const code = await child.done;
  clearTimeout(timer);
  return { code, late: Boolean(child.late) };
}

function collect(folder, into) {
  if (!fs.existsSync(folder)) return;
  for (const entry of fs.readdirSync(folder)) {
    const found = entry.match(/^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/);
    const file = found && path.join(folder, entry, 'checks.json');
    if (file && !into[found[1]] && fs.existsSync(file)) into[found[1]] = JSON.parse(fs.readFileSync(file, 'utf8'));
  }
}

// One pass over a requirement set. Scenarios that left no result (threw, hung, came after one that hung) get a run of their own.
export async function run(url, revision, names, folder, tag) {
  const out = path.join(folder, tag);
  const checks = {};
  const notes = {};
  await suite(['--url', url, '--requirements', revision, '-o', out], BATCH_MS, folder, path.join(folder, `${tag}.log`));
  collect(out, checks);
  for (const name of names.filter((one) => !checks[one])) {
    const log = path.join(folder, `${tag}.${name}.log`);
    const again = path.join(out, 'again');
    const { code, late } = await suite(['--url', url, '--scenario', name, '--spec-version', revision, '--force', '-o', again], SCENARIO_MS + 5000, folder, log);
    const one = {};
    collect(again, one);
    if (one[name]) checks[name] = one[name];
    else notes[name] = late ? 'hung' : `no result, exit ${code}`;
  }
  return flatten(checks, notes, names);
}

// An id repeats within a scenario (loops): the n-th occurrence directly is compared with the n-th through the gateway.
function flatten(checks, notes, names) {
  const flat = new Map();
  for (const scenario of names) {
    if (!checks[scenario]) { flat.set(`${scenario} (scenario)`, { status: 'FAILURE', message: notes[scenario] || 'no result' }); continue; }
    const seen = {};
    for (const { id, status, errorMessage } of checks[scenario]) {
      seen[id] = (seen[id] || 0) + 1;
      flat.set(`${scenario} ${id} ${seen[id]}`, { status, message: errorMessage || '' });
    }
  }
  return flat;
}
