// The real gateway with one agent of this machine, whose calls go out with what a case configures.
import fs from 'node:fs';
import path from 'node:path';
import { freePort, sleep, start, waitHttp } from '../conformance/processes.mjs';

const config = ({ port, admin, data, servers, tables }) => `[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "http://127.0.0.1:${port}"
data_dir = ${JSON.stringify(data)}
deadlines = { linger = "1ms" }

[identities.local]
kind = "local"

[agents.tester]
owner = "tests@example.com"
purpose = "plays an agent"
expires = 2099-01-01
identity = ["local"]
envelope = { tools = ["**"], effects = ["read", "write", "persist", "destroy"] }

[[rules]]
name = "everything"
tools = ["**"]
allow = true
${Object.entries(servers).map(([name, { url, more = '' }]) => `
[servers.${name}]
url = "${url}"
${more}
`).join('')}
${tables}
`;

// Starts `hopgate serve`. `servers`: name -> { url, more }; `tables`: TOML, the credentials.
export async function startGateway(binary, folder, servers, tables) {
  const place = { port: await freePort(), admin: await freePort(), data: path.join(folder, 'data'), servers, tables };
  const file = path.join(folder, 'hopgate.toml');
  const origin = `http://127.0.0.1:${place.port}`;
  const gateway = { origin, folder, url: (server) => `${origin}/servers/${server}/mcp` };
  gateway.write = (changes = {}) => fs.writeFileSync(file, config({ ...place, ...changes }));
  gateway.launch = async () => {
    gateway.child = start(binary, ['serve', '--config', file], { cwd: folder, log: path.join(folder, 'gateway.log') });
    await waitHttp(`http://127.0.0.1:${place.admin}/readyz`, gateway.child, { ok: true });
  };
  gateway.signal = (name) => process.kill(-gateway.child.pid, name);
  gateway.write();
  await gateway.launch();
  return gateway;
}

// Waits until `check` gives something, and gives that.
export async function until(what, check, ms = 30000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`did not happen within ${ms} ms: ${what}`);
    await sleep(50);
  }
}

// Every file below a folder that holds one of these texts.
export function holding(folder, texts) {
  const found = [];
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const bytes = fs.readFileSync(file);
    if (texts.some((text) => bytes.includes(text))) found.push(file);
  }
  return found;
}
