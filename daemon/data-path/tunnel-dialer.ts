import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';

export interface TunnelOptions {
  /** The far side's verdict is not waited for, a rejection ends the tunnel; and the request to dial may wait for the first bytes. */
  readonly isOptimistic?: boolean;
}

/** Opens tunnels to the cluster; the data path does not know over what. */
export interface TunnelDialer {
  /**
   * Waits for a way to the cluster where there is none at the moment, opens a tunnel and waits for the far side's dial.
   *
   * @throws DialRejectedError where the destination was not reached, anything else where the cluster was not.
   */
  dial(id: ConnectionId, signal: AbortSignal, options?: TunnelOptions): Promise<TunnelDuplex>;
}
