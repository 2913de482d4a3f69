import { connect, type Socket } from 'node:net';

/** A program that handles what comes from the cluster. */
export interface HandlerAddress {
  /** Addresses or names, tried in this order. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** A further network where it may be: the connection's own, where that is not the daemon's. */
  readonly dialInside?: DialInside | undefined;
}

export type DialInside = (host: string, port: number) => Promise<Socket>;

/** A handler that vanished without a word is noticed by the kernel after this and some probes. */
const keepAliveMs = 60_000;

/** The loopback of either family: a program that was told to listen on "localhost" may have taken only one. */
export function handlerHosts(address: string | undefined): readonly string[] {
  return address === undefined ? ['127.0.0.1', '::1'] : [address];
}

/** @throws the error of the first host where none answers, or the signal's reason. */
export async function dialHandler({ hosts, port, dialInside }: HandlerAddress, signal: AbortSignal): Promise<Socket> {
  let failure: unknown;
  for (const host of hosts) {
    try {
      return await dialHost(host, port, signal);
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
    }
  }
  for (const host of hosts) {
    try {
      if (dialInside !== undefined) return await dialInside(host, port);
    } catch {
      signal.throwIfAborted();
    }
  }
  throw failure;
}

/** Whether something takes connections there. */
export async function isListening(handler: HandlerAddress, signal: AbortSignal): Promise<boolean> {
  try {
    const socket = await dialHandler(handler, signal);
    socket.destroy();
    return true;
  } catch {
    return false;
  }
}

async function dialHost(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({
    host,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  });
  const dialled = Promise.withResolvers<void>();
  const abort = () => dialled.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  socket.once('connect', () => dialled.resolve());
  socket.on('error', (error) => dialled.reject(error));
  try {
    await dialled.promise;
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
