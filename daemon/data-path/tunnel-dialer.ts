import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';

/** Opens tunnels to the cluster; the data path does not know over what. */
export interface TunnelDialer {
  /**
   * Waits for a way to the cluster where there is none at the moment, opens a tunnel and waits for the far side's dial.
   *
   * @param options with `isOptimistic` the far side's verdict is not waited for; a rejection ends the tunnel
   * @throws DialRejectedError where the destination was not reached, anything else where the cluster was not.
   */
  dial(id: ConnectionId, signal: AbortSignal, options?: { readonly isOptimistic?: boolean }): Promise<TunnelDuplex>;
}
