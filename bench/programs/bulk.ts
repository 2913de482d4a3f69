import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './exchange.ts';
import { reportBytes } from './ports.ts';

export interface Throughput {
  readonly gbitPerSecond: number;
}

const readBufferBytes = 256 * 1024;
const closeMs = 2_000;

/** What arrives on the laptop within the window, which begins `warmUpMs` after every stream has its first byte. */
export async function download(target: Target, streams: number, warmUpMs: number, windowMs: number): Promise<Throughput> {
  let bytes = 0;
  const sockets: net.Socket[] = [];
  const firstBytes: Promise<void>[] = [];
  for (let index = 0; index < streams; index += 1) {
    const first = Promise.withResolvers<void>();
    const buffer = Buffer.allocUnsafe(readBufferBytes);
    const callback = (length: number) => {
      bytes += length;
      first.resolve();
      return true;
    };
    const socket = net.connect({ ...target, noDelay: true, onread: { buffer, callback } });
    socket.on('error', first.reject);
    socket.on('close', () => first.reject(new Error('the connection was closed')));
    // A little more than the window, so that no stream has ended when it is over.
    socket.write(String(warmUpMs + windowMs + 150));
    sockets.push(socket);
    firstBytes.push(first.promise);
  }
  await Promise.all(firstBytes);
  await sleep(warmUpMs);
  const startedAt = performance.now();
  const before = bytes;
  await sleep(windowMs);
  const gbitPerSecond = ((bytes - before) * 8) / ((performance.now() - startedAt) * 1e6);
  await closed(sockets);
  return { gbitPerSecond };
}

/** What arrives in the pod, by its own clock and count. */
export async function upload(target: Target, streams: number, warmUpMs: number, windowMs: number): Promise<Throughput> {
  const block = randomFillSync(Buffer.allocUnsafe(readBufferBytes));
  const uploads = Array.from({ length: streams }, () => new Upload(target, block));
  await Promise.all(uploads.map(async ({ firstReport }) => await firstReport));
  await sleep(warmUpMs);
  for (const stream of uploads) stream.mark();
  await sleep(windowMs);
  const gbitPerSecond = uploads.reduce((sum, stream) => sum + stream.gbitPerSecond(), 0);
  for (const stream of uploads) stream.stop();
  await closed(uploads.map(({ socket }) => socket));
  return { gbitPerSecond };
}

interface Report {
  readonly ms: number;
  readonly bytes: number;
}

class Upload {
  readonly socket: net.Socket;
  readonly firstReport: Promise<void>;
  #latest: Report = { ms: 0, bytes: 0 };
  #marked: Report = { ms: 0, bytes: 0 };
  #isStopped = false;

  constructor(target: Target, block: Buffer) {
    const first = Promise.withResolvers<void>();
    this.firstReport = first.promise;
    const socket = net.connect({ ...target, noDelay: true });
    this.socket = socket;
    socket.on('error', first.reject);
    socket.on('close', () => first.reject(new Error('the connection was closed')));
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= reportBytes; rest = rest.subarray(reportBytes))
        this.#latest = { ms: rest.readDoubleLE(0), bytes: rest.readDoubleLE(8) };
      if (this.#latest.bytes > 0) first.resolve();
    });
    const fill = () => {
      while (!this.#isStopped && socket.writable && socket.write(block));
    };
    socket.on('connect', fill);
    socket.on('drain', fill);
  }

  mark(): void {
    this.#marked = this.#latest;
  }

  gbitPerSecond(): number {
    const ms = this.#latest.ms - this.#marked.ms;
    return ms === 0 ? 0 : ((this.#latest.bytes - this.#marked.bytes) * 8) / (ms * 1e6);
  }

  stop(): void {
    this.#isStopped = true;
    this.socket.end();
  }
}

/** Lets the streams come to their end by themselves; one that does not is reset. */
async function closed(sockets: readonly net.Socket[]): Promise<void> {
  const signal = AbortSignal.timeout(closeMs);
  for (const socket of sockets) {
    socket.on('error', () => undefined);
    if (!socket.closed) await once(socket, 'close', { signal }).catch(() => undefined);
    if (!socket.closed) socket.resetAndDestroy();
  }
}
