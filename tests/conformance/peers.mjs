// The two ends of a run: reference servers, and the real gateway in front of one.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, start, waitHttp } from './processes.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const CACHE = process.env.HOPGATE_CACHE || path.join(process.env.XDG_CACHE_HOME || path.join(process.env.HOME, '.cache'), 'hopgate');

// server-everything has no option for its address: the preload keeps it on the loopback.
const SERVERS = {
  'ts-v2': (port) => [process.execPath, [path.join(HERE, 'servers/ts-v2.mjs'), port], {}],
  'py-mcp': (port) => [path.join(CACHE, 'venv/bin/python'), [path.join(HERE, 'servers/py_mcp.py'), port], {}],
  everything: (port) => [
    process.execPath,
    ['--import', path.join(HERE, 'servers/loopback.mjs'), path.join(CACHE, 'peers/node_modules/@modelcontextprotocol/server-everything/dist/index.js'), 'streamableHttp'],
    { PORT: String(port) },
  ],
};

export const serverNames = Object.keys(SERVERS);

export async function startServer(name, folder, tag) {
  const port = await freePort();
  const [command, args, env] = SERVERS[name](port);
  const child = start(command, args, { env: { ...env, HOPGATE_CACHE: CACHE }, log: path.join(folder, `server-${tag}.log`) });
  const url = `http://127.0.0.1:${port}/mcp`;
  await waitHttp(url, child);
  return { url, child };
}

const config = ({ port, admin, upstreams, data }) => `[gateway]
listen = "127.0.0.1:${port}"
admin = "127.0.0.1:${admin}"
public_url = "http://127.0.0.1:${port}"
data_dir = ${JSON.stringify(data)}
deadlines = { linger = "1ms" }

[audit]
refusals = 1000000

[identities.local]
kind = "local"

[agents.tester]
owner = "tests@example.com"
purpose = "plays an agent"
expires = 2099-01-01
identity = ["local"]
envelope = { tools = [${Object.keys(upstreams).map((name) => `"${name}/**"`).join(', ')}], effects = ["read", "write", "persist", "destroy"] }
${Object.entries(upstreams).map(([name, url]) => `
[servers.${name}]
url = "${url}"

[[rules]]
name = "everything on ${name}"
agents = ["tester"]
tools = ["${name}/**"]
allow = true
`).join('')}`;

// Starts `hopgate serve` in front of `upstreams` (name -> URL). `again` keeps ports and data of an earlier run: a restart.
export async function startGateway(binary, upstreams, folder, tag, again) {
  const place = again || { port: await freePort(), admin: await freePort(), data: path.join(folder, `data-${tag}`), file: path.join(folder, `hopgate-${tag}.toml`) };
  fs.writeFileSync(place.file, config({ ...place, upstreams }));
  const child = start(binary, ['serve', '--config', place.file], { cwd: folder, log: path.join(folder, `gateway-${tag}.log`) });
  await waitHttp(`http://127.0.0.1:${place.admin}/readyz`, child, { ok: true });
  return { url: (name) => `http://127.0.0.1:${place.port}/servers/${name}/mcp`, child, place };
}
