import { connect } from 'node:net';
import { descriptorOf } from '#base/node/linux-sockets.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Handover } from './claims.ts';

/** Something listens on a loopback, or does not: either is known at once. */
const timeoutMs = 2_000;

/** @throws AppError `not-found` where nothing takes the connection. */
export async function connectInside(address: string, port: number): Promise<Handover> {
  const socket = connect({ host: address, port, timeout: timeoutMs });
  // What arrives is for the one who takes the descriptor.
  socket.pause();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('connect', resolve);
  socket.once('timeout', () => reject(new Error('No answer')));
  socket.on('error', reject);
  try {
    await promise;
    socket.setTimeout(0);
    return { descriptors: [descriptorOf(socket)], releaseDescriptors: () => socket.destroy() };
  } catch (error) {
    socket.destroy();
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError({ code: 'not-found', message: `Nothing listens on ${address}:${port}`, reason }, error);
  }
}
