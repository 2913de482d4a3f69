import type { Duplex } from 'node:stream';
import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import type { TunnelOptions } from './tunnel-dialer.ts';

/** The far end of a flow: a tunnel to the cluster, or a connection of the daemon's own. Datagrams come one by one, in object mode. */
export interface FarEnd extends Duplex {
  /** Settles with the far side's verdict. */
  readonly dialled: Promise<void>;
}

/** What the data path needs of whoever opens far ends; every `TunnelDialer` is one. */
export interface FlowDialer {
  /** @throws DialRejectedError where the destination was not reached, anything else where there is no way to it. */
  dial(id: ConnectionId, signal: AbortSignal, options?: TunnelOptions): Promise<FarEnd>;
}
