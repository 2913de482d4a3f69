import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import type { ManagerClient } from '../link/wire-session.ts';

/** A session with the traffic-manager and the way to it, until that breaks. */
export interface LiveSession {
  readonly link: {
    readonly manager: ManagerClient;
    readonly closed: Promise<void>;
    readonly isOpen: boolean;
    openTunnel(info: StreamInfo, signal: AbortSignal): Promise<{ readonly tunnel: TunnelDuplex }>;
  };
  readonly session: SessionInfo;
}

/** What engagements need of the connection's session. */
export interface SessionSource {
  /** The session as soon as there is one. @throws AppError where it has ended for good. */
  live(signal: AbortSignal): Promise<LiveSession>;
}
