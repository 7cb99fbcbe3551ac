// A real nginx with the very configuration the documentation gives, at the ports of this test.
import fs from 'node:fs';
import path from 'node:path';
import { start, stop, waitHttp } from '../conformance/processes.mjs';

const DOCUMENTED = path.join(import.meta.dirname, '../../docker/nginx.conf');

// The documented text with what a machine of one's own would have in its place.
export function adapt({ port, replicas, place }) {
  let text = fs.readFileSync(DOCUMENTED, 'utf8');
  const put = (was, is) => {
    if (!text.includes(was)) throw new Error(`docker/nginx.conf no longer says ${JSON.stringify(was)}`);
    text = text.replace(was, is);
  };
  replicas.forEach((replica, at) => put(`server hopgate-${at + 1}:3000`, `server 127.0.0.1:${replica.port}`));
  put('listen 8080;', `listen 127.0.0.1:${port};`);
  put('pid /tmp/nginx.pid;', `daemon off; worker_processes 1; error_log ${place}/error.log; pid ${place}/pid;`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${place}/${name};`);
  put('http {', `http {\n    access_log off;\n    ${temporary.join(' ')}`);
  return text;
}

export async function startBalancer({ port, replicas, folder }) {
  const place = path.join(folder, 'nginx');
  fs.mkdirSync(place);
  const file = path.join(place, 'nginx.conf');
  fs.writeFileSync(file, adapt({ port, replicas, place }));
  const program = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((one) => fs.existsSync(one));
  const child = start(program ?? 'nginx', ['-p', place, '-c', file, '-e', `${place}/error.log`], { log: path.join(place, 'log') });
  await waitHttp(`http://127.0.0.1:${port}/`, child);
  return { port, origin: `http://127.0.0.1:${port}`, stop: () => stop(child), errors: () => fs.readFileSync(path.join(place, 'error.log'), 'utf8') };
}
