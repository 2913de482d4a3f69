import type { ServerHttp2Stream } from 'node:http2';
import { formatIp, type IpAddress } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { acceptTunnel } from '#net/tunnel/open-tunnel.ts';
import { describeConnection } from '#net/tunnel/stream-info.ts';
import { isDialable } from './dial-policy.ts';
import type { OpenTunnels } from './open-tunnels.ts';
import { relayTcp } from './tcp-relay.ts';
import { relayUdp } from './udp-relay.ts';

export interface TunnelServices {
  /** The end of the session that a tunnel belongs to; `undefined` for a session that is not known. */
  readonly findSession: (id: string) => { readonly signal: AbortSignal } | undefined;
  readonly tunnels: OpenTunnels;
  readonly logger: Logger;
  /** Default: everything but the traffic-manager itself and groups. */
  readonly mayDial?: (ip: IpAddress) => boolean;
  /** Silence that ends a UDP flow. Default 1 min. */
  readonly udpIdleMs?: number;
}

const defaultUdpIdleMs = 60_000;

/** For callers that name none, and at most. */
const dialTimeoutMs = { default: 5_000, max: 60_000 };

/** gRPC's NOT_FOUND. */
const notFoundStatus = '5';

/** Serves one `Tunnel` call: dials where the laptop wants to go and copies until both ends are done. */
export async function serveTunnel(stream: ServerHttp2Stream, services: TunnelServices): Promise<void> {
  const { info, tunnel } = await acceptTunnel(stream);
  tunnel.on('error', () => undefined);
  const { connectionId: id } = info;
  const session = services.findSession(info.sessionId);
  if (session === undefined) {
    // The status tells the laptop to arrive anew; the reject spares it the wait.
    stream.removeAllListeners('wantTrailers');
    stream.once('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': notFoundStatus, 'grpc-message': 'The session is not known' }),
    );
    tunnel.dialReject();
    return;
  }
  const mayDial = services.mayDial ?? isDialable;
  if (!mayDial(id.destination.ip)) {
    services.logger.debug('A tunnel was refused', { connection: describeConnection(id) });
    tunnel.dialReject();
    return;
  }
  services.tunnels.add(tunnel, session.signal);
  const destination = { host: formatIp(id.destination.ip), port: id.destination.port };
  if (id.protocol === 'udp') {
    relayUdp(tunnel, destination, { idleMs: services.udpIdleMs ?? defaultUdpIdleMs });
  } else {
    const asked = info.dialTimeoutMs > 0 ? info.dialTimeoutMs : dialTimeoutMs.default;
    relayTcp(tunnel, destination, { dialTimeoutMs: Math.min(asked, dialTimeoutMs.max) });
  }
}
