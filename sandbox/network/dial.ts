import { once } from 'node:events';
import net from 'node:net';
import type { Machine } from '../node/machine.ts';

export interface DialTarget {
  /** Path of the network namespace to dial from; absent: the node's. */
  readonly namespace?: string;
  readonly host: string;
  readonly port: number;
  readonly timeoutMs?: number;
}

const dialTimeoutMs = 10_000;

/** A TCP connection in one of the sandbox's networks. Rejects as `net.connect` would. */
export async function dial(
  machine: Machine,
  { namespace, host, port, timeoutMs = dialTimeoutMs }: DialTarget,
): Promise<net.Socket> {
  const descriptor = await machine.openSocket({ kind: 'tcp', ...(namespace === undefined ? {} : { namespace }) });
  // Not read from before it is connected, which would be an error.
  const options: net.SocketConstructorOpts & { readonly manualStart: boolean } = {
    fd: descriptor,
    allowHalfOpen: true,
    manualStart: true,
  };
  const socket = new net.Socket(options);
  socket.setNoDelay(true);
  try {
    socket.connect({ host, port });
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) });
    return socket;
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    throw error;
  }
}
