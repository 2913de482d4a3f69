import type { Socket } from 'node:net';

/**
 * Ends a TCP connection the hard way: its far side sees a reset, or, where everything was handed to the kernel with its end already, that
 * end. Idempotent; the socket's `close` event follows.
 *
 * `resetAndDestroy` of Node 24 fails with EINVAL while the kernel has yet to take the end of the stream, and then never closes the
 * descriptor: it leaks, and a worker thread that holds it never terminates but spins.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  const isShuttingDown = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isShuttingDown) socket.destroy();
  else socket.resetAndDestroy();
}
