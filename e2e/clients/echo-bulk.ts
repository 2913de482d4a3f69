// echo-bulk.ts HOST ECHO-PORT BYTES: sends the pattern, reads all of it back, and closes after that: bulk both ways without a half-close.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { patternBlocks, patternSha256 } from '../workloads/pattern.ts';

const [host = '', port, size] = process.argv.slice(2);
const bytes = Number(size);
const startedAt = performance.now();
const socket = net.connect({ host, port: Number(port) });
const hash = createHash('sha256');
let received = 0;
const { promise: hasAll, resolve } = Promise.withResolvers<void>();
socket.on('data', (chunk: Buffer) => {
  hash.update(chunk);
  received += chunk.length;
  if (received >= bytes) resolve();
});
socket.once('close', () => resolve());
await once(socket, 'connect');
for (const block of patternBlocks(bytes)) {
  if (!socket.write(block)) await Promise.race([once(socket, 'drain'), hasAll]);
}
await hasAll;
socket.destroy();
const isIntact = received === bytes && hash.digest('hex') === patternSha256(bytes);
console.log(JSON.stringify({ isIntact, received, seconds: (performance.now() - startedAt) / 1000 }));
