// slow-reader.ts HOST SOURCE-PORT STUCK-PORT BYTES SECONDS: eight downloads that nobody reads, eight uploads to a server that does
// not read. Prints how much each side took, while the harness looks at everybody's memory.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [host = '', sourcePort, stuckPort, bytes, seconds] = process.argv.slice(2);
const connections = 8;

const downloads = Array.from({ length: connections }, () => {
  const socket = net.connect({ host, port: Number(sourcePort) });
  socket.on('error', () => undefined);
  socket.write(`${bytes}\n`);
  socket.pause();
  return socket;
});

const chunk = Buffer.alloc(1 << 18, 7);
const uploads = Array.from({ length: connections }, () => {
  const socket = net.connect({ host, port: Number(stuckPort) });
  socket.on('error', () => undefined);
  const fill = () => {
    while (socket.bytesWritten < Number(bytes) && socket.write(chunk));
  };
  socket.on('connect', fill);
  socket.on('drain', fill);
  return socket;
});

console.log(JSON.stringify({ state: 'running' }));
await sleep(Number(seconds) * 1000);
// `bytesWritten` counts what still waits in this process, too.
const accepted = uploads.map((socket) => socket.bytesWritten - socket.writableLength);
console.log(JSON.stringify({ state: 'done', accepted }));
for (const socket of [...downloads, ...uploads]) socket.destroy();
