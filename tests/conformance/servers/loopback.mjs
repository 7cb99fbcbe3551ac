// Preloaded into servers that listen on every address: whatever they ask for, they get 127.0.0.1.
import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (first && typeof first === 'object') return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  return listen.call(this, { port: Number(first), host: '127.0.0.1' }, ...rest.filter((one) => typeof one === 'function'));
};
