// A line between a gateway and its store, as a process: `line.mjs PORT`. It says its own port, and does as it is told.
import net from 'node:net';

const pairs = new Set();
let target = Number(process.argv[2]);
let cut = false;

const server = net.createServer((near) => {
  const far = net.connect(target, '127.0.0.1');
  const pair = [near, far];
  pairs.add(pair);
  const end = () => { pairs.delete(pair); near.destroy(); far.destroy(); };
  for (const [from, into] of [[near, far], [far, near]]) {
    from.setNoDelay(true);
    from.on('data', (data) => { if (!cut) into.write(data); });
    from.on('error', end).on('close', end);
  }
});
const drop = () => { for (const pair of pairs) pair.forEach((one) => one.destroy()); };

process.on('message', (told) => {
  if (told.to) target = told.to;
  if (told.cut !== undefined) cut = told.cut;
  if (!cut) drop();
  process.send('done');
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
