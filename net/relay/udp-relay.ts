import dgram from 'node:dgram';
import net from 'node:net';
import type { TunnelDuplex } from '../tunnel/tunnel-duplex.ts';

/** Datagrams handed to the kernel and not yet taken, above which the laptop's are left unread. */
const maxUnsent = 64;

/**
 * A UDP flow: one socket, bound to its destination, so that answers of others are not seen and an unreachable port is. Each message of
 * the tunnel is one datagram. The flow ends when either side ends it or is silent for `idleMs`.
 */
export function relayUdp(
  tunnel: TunnelDuplex,
  destination: { readonly host: string; readonly port: number },
  options: {
    readonly idleMs: number;
    /** Told of each datagram as it is handed on; `in` is to the destination. */
    readonly onDatagram?: (direction: 'in' | 'out', bytes: number) => void;
  },
): void {
  const socket = dgram.createSocket(net.isIPv6(destination.host) ? 'udp6' : 'udp4');
  const idle = setTimeout(() => tunnel.destroy(), options.idleMs);
  let isConnected = false;
  let unsent = 0;
  const close = () => {
    clearTimeout(idle);
    tunnel.destroy();
  };
  socket.once('connect', () => {
    isConnected = true;
    if (tunnel.destroyed) return;
    tunnel.dialOk();
    tunnel.on('data', (datagram: Buffer) => {
      idle.refresh();
      unsent += 1;
      options.onDatagram?.('in', datagram.length);
      if (unsent >= maxUnsent) tunnel.pause();
      // One that the kernel does not take (too large, no route) is lost, as datagrams are.
      socket.send(datagram, () => {
        unsent -= 1;
        if (unsent < maxUnsent && tunnel.isPaused()) tunnel.resume();
      });
    });
  });
  socket.on('message', (datagram) => {
    idle.refresh();
    // A laptop that does not keep up loses datagrams instead of filling the memory.
    if (tunnel.destroyed || tunnel.writableNeedDrain) return;
    tunnel.write(datagram);
    options.onDatagram?.('out', datagram.length);
  });
  socket.on('error', () => {
    // After the first answer this is an ICMP message to one datagram: the flow goes on.
    if (isConnected) return;
    clearTimeout(idle);
    if (!tunnel.destroyed) tunnel.dialReject();
  });
  tunnel.once('end', close);
  tunnel.once('close', () => {
    clearTimeout(idle);
    socket.close();
  });
  socket.connect(destination.port, destination.host);
}
