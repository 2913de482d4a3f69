import type { Socket } from 'node:net';
import { bufferPassed } from '#base/node/passing-buffers.ts';
import { resetSocket } from '#base/node/reset-socket.ts';
import type { TunnelDuplex } from '../tunnel/tunnel-duplex.ts';

/** One end of a connection: a TCP socket (with `allowHalfOpen`) or a tunnel. */
export type ConnectionEnd = Socket | TunnelDuplex;

/**
 * Copies both ways between two open ends. Half closes pass through, a reset or failure of either end becomes a reset of the other, and
 * what is buffered is bounded by both ends' high-water marks.
 */
export function joinStreams(one: ConnectionEnd, other: ConnectionEnd): void {
  follow(one, other);
  follow(other, one);
  if (one.destroyed || other.destroyed) {
    resetEnd(one);
    resetEnd(other);
    return;
  }
  one.pipe(other);
  other.pipe(one);
}

/** Ends a connection the hard way: its far side sees a reset. */
export function resetEnd(end: ConnectionEnd): void {
  if (end.destroyed) return;
  if ('resetAndDestroy' in end) resetSocket(end);
  else end.destroy();
}

function follow(end: ConnectionEnd, other: ConnectionEnd): void {
  end.on('data', ({ length }: Buffer) => bufferPassed(length));
  end.once('error', () => resetEnd(other));
  end.once('close', () => {
    if (!(end.readableEnded && end.writableFinished)) resetEnd(other);
  });
}
