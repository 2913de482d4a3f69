// bulk.ts upload|download HOST PORT BYTES [CONNECTIONS]: moves the pattern and compares checksums.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { patternBlocks, patternSha256 } from '../workloads/pattern.ts';

const [direction, host = '', port, size, count] = process.argv.slice(2);
const bytes = Number(size);
const startedAt = performance.now();

async function upload(): Promise<{ bytes: number; sha256: string }> {
  const socket = net.connect({ host, port: Number(port), allowHalfOpen: true });
  const answer = text(socket);
  await once(socket, 'connect');
  for (const block of patternBlocks(bytes)) {
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  return JSON.parse(await answer) as { bytes: number; sha256: string };
}

async function download(): Promise<{ bytes: number; sha256: string }> {
  const socket = net.connect({ host, port: Number(port), allowHalfOpen: true });
  socket.write(`${bytes}\n`);
  const hash = createHash('sha256');
  let received = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    hash.update(chunk);
    received += chunk.length;
  }
  socket.end();
  return { bytes: received, sha256: hash.digest('hex') };
}

const results = await Promise.all(
  Array.from({ length: Number(count ?? 1) }, async () => await (direction === 'upload' ? upload() : download())),
);
const expected = patternSha256(bytes);
const intact = results.filter((result) => result.bytes === bytes && result.sha256 === expected).length;
const seconds = (performance.now() - startedAt) / 1000;
console.log(JSON.stringify({ connections: results.length, intact, bytes: results.map((result) => result.bytes), seconds }));
