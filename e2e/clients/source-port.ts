// source-port.ts HOST PORT TIMES: connects from one source port again and again to a server that closes first.

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Until the kernel has forgotten the former socket: that waits for the acknowledgement of its FIN, on any network. */
const releaseTimeoutMs = 1_000;

const [host = '', port, times] = process.argv.slice(2);
const { address } = await lookup(host);
const probe = net.createServer().listen(0);
await once(probe, 'listening');
const localPort = (probe.address() as net.AddressInfo).port;
probe.close();
await once(probe, 'close');

const outcomes: Record<string, number> = {};
for (let turn = 0; turn < Number(times); turn += 1) {
  const end = performance.now() + releaseTimeoutMs;
  let outcome = await connectOnce();
  while (outcome === 'EADDRNOTAVAIL' && performance.now() < end) {
    await sleep(5);
    outcome = await connectOnce();
  }
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  await sleep(5);
}
console.log(JSON.stringify(outcomes));

function connectOnce(): Promise<string> {
  return new Promise<string>((resolve) => {
    const socket = net.connect({ host: address, port: Number(port), localPort });
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.on('close', () => resolve(text === 'bye\n' ? 'answered' : 'closed'));
    setTimeout(() => {
      resolve('hung');
      socket.destroy();
    }, 3_000).unref();
  });
}
