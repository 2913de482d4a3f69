import type { ClientSessionOptions, ServerOptions, Settings } from 'node:http2';

/**
 * HTTP/2 parameters of both ends of the cluster wire.
 *
 * Windows: 2 MiB a stream carries 1.3 Gbit/s over a round trip of 12 ms, and bounds what a slow reader holds; 32 MiB a connection lets
 * sixteen readers stand still before the others wait. Frames of 256 KiB keep the count of frames low without one stream holding the
 * line for long (2 ms at 1 Gbit/s).
 */
export const streamWindowBytes = 2 * 1024 * 1024;
export const connectionWindowBytes = 32 * 1024 * 1024;

const settings: Settings = {
  initialWindowSize: streamWindowBytes,
  maxFrameSize: 256 * 1024,
  enablePush: false,
};

/** Node counts buffered data against this: its default of 10 MB is below one connection window. Unit: MB. */
const maxSessionMemory = 512;

export const clientSessionOptions: ClientSessionOptions = { settings, maxSessionMemory };

/** Streams on one connection; the peer opens another port-forward before it gets there. */
export const serverMaxConcurrentStreams = 100_000;

export const serverOptions: ServerOptions = {
  settings: { ...settings, maxConcurrentStreams: serverMaxConcurrentStreams },
  maxSessionMemory,
  // Laptops reset streams for good reasons (a browser that closes fifty connections): Node's default of 1,000 and then 33 a
  // second would end the whole session.
  streamResetBurst: 100_000,
  streamResetRate: 10_000,
};
