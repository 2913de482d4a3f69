import dgram from 'node:dgram';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/**
 * handler.ts [--name NAME] PORT[/UDP]…
 *
 * Takes the place of workloads: each port answers with the handler's name, its number, the path and what was sent. `ready` when all listen.
 */
const args = process.argv.slice(2);
const name = args[0] === '--name' ? (args.splice(0, 2)[1] ?? '') : 'laptop';

const listening = args.map(async (place) => {
  const [port = '', protocol] = place.split('/');
  await new Promise<void>((resolve) => {
    if (protocol !== 'UDP') {
      createServer((request, response) => {
        void text(request).then((body) => response.end([name, port, request.url, ...(body === '' ? [] : [body])].join(' ')));
      }).listen(Number(port), '127.0.0.1', resolve);
      return;
    }
    const socket = dgram.createSocket('udp4');
    socket.on('message', (message, from) => socket.send(`${name} ${port} ${message.toString()}`, from.port, from.address));
    socket.bind(Number(port), '127.0.0.1', resolve);
  });
});
await Promise.all(listening);
console.log('ready');
