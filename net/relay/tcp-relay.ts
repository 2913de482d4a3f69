import net from 'node:net';
import { resetSocket } from '#base/node/reset-socket.ts';
import type { TunnelDuplex } from '../tunnel/tunnel-duplex.ts';
import { pour } from './pour.ts';

/** Probes start after this long without traffic, so that a destination that vanished does not hold its tunnel for ever. */
const keepAliveMs = 60_000;

/**
 * Dials, tells the laptop the outcome and copies both ways. Half closes pass through; a reset of either end becomes a reset of the other.
 * What is buffered is bounded by both streams' high-water marks.
 */
export function relayTcp(
  tunnel: TunnelDuplex,
  destination: { readonly host: string; readonly port: number },
  options: { readonly dialTimeoutMs: number; readonly beforeVerdict?: () => void },
): void {
  const socket = net.connect({
    ...destination,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  });
  const timer = setTimeout(() => socket.destroy(new Error('The destination did not answer in time')), options.dialTimeoutMs);
  let isConnected = false;
  socket.once('connect', () => {
    isConnected = true;
    clearTimeout(timer);
    if (tunnel.destroyed) {
      socket.destroy();
      return;
    }
    options.beforeVerdict?.();
    tunnel.dialOk();
    pour(tunnel, socket);
    // Each read has a buffer of its own: HTTP/2 may still send from one after it has reported the write as done, so none can be used again.
    socket.pipe(tunnel);
  });
  socket.once('error', () => {
    clearTimeout(timer);
    if (isConnected) tunnel.destroy();
    else if (!tunnel.destroyed) {
      options.beforeVerdict?.();
      tunnel.dialReject();
    }
  });
  socket.once('close', () => {
    // In order, both directions have ended by now and the tunnel closes when its last bytes are out.
    if (!socket.readableEnded) tunnel.destroy();
  });
  tunnel.once('close', () => {
    clearTimeout(timer);
    if (socket.destroyed) return;
    if (tunnel.readableEnded && tunnel.writableFinished) socket.end();
    else if (isConnected) resetSocket(socket);
    else socket.destroy();
  });
}
