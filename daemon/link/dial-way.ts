import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';

/** The peer that asked for a dial, and can be answered by a tunnel: the traffic-manager, or an agent. */
export interface DialWay {
  /** Straight from the pod. */
  readonly isDirect: boolean;
  /** As the peer knows the laptop. */
  readonly sessionId: string;
  openTunnel(info: StreamInfo, signal: AbortSignal): Promise<TunnelDuplex>;
}
