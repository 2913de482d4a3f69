import { parentPort, workerData } from 'node:worker_threads';
import { EventBatch } from './event-batch.ts';
import type { NatConfig } from './nat-config.ts';
import { maxPacketBytes, NatEngine, verdictForward, verdictReply } from './nat-engine.ts';
import { SharedState } from './shared-state.ts';
import { isTransientErrno, lastErrno, ReadWaiter, readFd, writeFd } from './system-calls.ts';

/** What the packet thread is started with. */
export interface NatWorkerData {
  readonly tunFd: number;
  readonly wakeFd: number;
  readonly shared: SharedArrayBuffer;
  readonly config: NatConfig;
}

/** What it sends besides batches of events, which are bare buffers. `device-gone` is the last message. */
export type NatWorkerMessage =
  | ArrayBuffer
  | { readonly kind: 'started' }
  | { readonly kind: 'device-gone'; readonly errno: number };

/** Packets between two looks at the stop flag, the clock and the collected events: some 100 µs of work. */
const burstPackets = 16;

/**
 * Longest sleep. Flows expire to the second, and a process that exits without stopping the thread has to wait for it, since a system
 * call is not interrupted.
 */
const maxWaitMs = 1_000;

/**
 * The packet thread: takes packets from the TUN device and puts back what the engine makes of them. It never returns to an event loop,
 * so everything that it is told comes through shared memory and the wake-up descriptor.
 */
function runPacketLoop(data: NatWorkerData, post: (message: NatWorkerMessage, transfer?: ArrayBuffer[]) => void): void {
  const shared = new SharedState(data.shared);
  const events = new EventBatch((batch) => {
    shared.addBytesUnderWay(batch.byteLength);
    post(batch, [batch]);
  });
  const engine = new NatEngine(data.config, shared, events);
  const waiter = new ReadWaiter(data.tunFd, data.wakeFd);
  let lastExpirySeconds = monotonicSeconds();
  post({ kind: 'started' });
  while (!shared.isStopRequested) {
    const nowSeconds = monotonicSeconds();
    if (nowSeconds > lastExpirySeconds) {
      lastExpirySeconds = nowSeconds;
      engine.expire(nowSeconds);
    }
    const errno = handleBurst(data.tunFd, engine, shared, nowSeconds);
    events.flush();
    if (errno === 0) continue;
    if (!isTransientErrno(errno)) return post({ kind: 'device-gone', errno });
    waiter.wait(maxWaitMs);
  }
}

/** @returns 0 when there may be more to read, or the errno of the read that failed. */
function handleBurst(tunFd: number, engine: NatEngine, shared: SharedState, nowSeconds: number): number {
  for (let count = 0; count < burstPackets; count += 1) {
    const length = readFd(tunFd, engine.packet, maxPacketBytes);
    if (length < 0) return lastErrno();
    const verdict = engine.handle(length, nowSeconds);
    let written = 0;
    if (verdict === verdictForward) written = writeFd(tunFd, engine.packet, length);
    else if (verdict === verdictReply) written = writeFd(tunFd, engine.reply, engine.replyBytes);
    if (written < 0) shared.count('writeErrors');
  }
  return 0;
}

function monotonicSeconds(): number {
  return Math.floor(performance.now() / 1_000);
}

if (parentPort !== null) {
  const port = parentPort;
  runPacketLoop(workerData as NatWorkerData, (message, transfer) => port.postMessage(message, transfer ?? []));
}
