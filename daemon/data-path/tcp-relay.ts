import type { Socket } from 'node:net';
import { resetSocket } from '#base/node/reset-socket.ts';
import { pour } from '#net/relay/pour.ts';
import type { FarEnd } from './flow-dialer.ts';

/**
 * Joins a connection of the laptop with its tunnel: bytes both ways with back-pressure, half-closes as half-closes, a reset of one as a
 * reset of the other. Resolves when both have ended.
 */
export async function relay(socket: Socket, tunnel: FarEnd): Promise<void> {
  socket.pipe(tunnel);
  pour(tunnel, socket);
  socket.on('error', () => tunnel.destroy());
  tunnel.on('error', () => resetSocket(socket));
  const socketClosed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const tunnelClosed = new Promise<void>((resolve) => tunnel.once('close', () => resolve()));
  // What one end still has to deliver after the other has ended in order is delivered; an end out of order is a reset.
  void socketClosed.then(() => {
    if (!socket.readableEnded || !tunnel.readableEnded) tunnel.destroy();
  });
  void tunnelClosed.then(() => {
    if (!socket.destroyed && !(tunnel.readableEnded && tunnel.writableFinished)) resetSocket(socket);
  });
  await Promise.all([socketClosed, tunnelClosed]);
}
