import dgram from 'node:dgram';
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const numbers = (text: string | undefined) => (text ?? '').split(',').flatMap((part) => (part === '' ? [] : [Number(part)]));

const bare = (address = '') => address.replace(/^::ffff:/, '');

/** Requests of the kubelet's HTTP probes. */
let probes = 0;

// Each port says who answers on it, and where the request came from; `/env` says what Kubernetes made of the manifest, and `/probes` whether the kubelet came by.
for (const port of numbers(process.env['TCP_PORTS'] ?? '8080')) {
  createServer((request, response) => {
    if (request.url === '/alive') probes += 1;
    const answer =
      request.url === '/env'
        ? process.env
        : { pod: hostname(), port, path: request.url, probes, from: bare(request.socket.remoteAddress) };
    request.resume().on('end', () => response.end(JSON.stringify(answer)));
  }).listen(port, '::');
}

for (const port of numbers(process.env['UDP_PORTS'])) {
  const socket = dgram.createSocket('udp6');
  socket.on('message', (message, from) => {
    socket.send(`${hostname()} ${port} ${message.toString()}`, from.port, from.address);
  });
  socket.bind(port, '::');
}
