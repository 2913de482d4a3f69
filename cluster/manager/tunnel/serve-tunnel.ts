import { formatIp, type IpAddress } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { isDialable } from '#net/relay/dial-policy.ts';
import { relayTcp } from '#net/relay/tcp-relay.ts';
import { relayUdp } from '#net/relay/udp-relay.ts';
import { callStatus, confirmCall, confirmSoon, endCall, openCall, readControl } from '#net/tunnel/accept-tunnel.ts';
import { encodeMessage } from '#net/tunnel/framing.ts';
import { describeConnection, type StreamInfo } from '#net/tunnel/stream-info.ts';
import { tunnelCode } from '#net/tunnel/tunnel-code.ts';
import { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { CalleeStream } from '#net/tunnel/tunnel-stream.ts';
import type { AgentInfo } from '#protocol/cluster/generated/manager_pb.js';
import { type AgentSession, isAgentSessionId, type LaptopSession, type Session } from '../sessions/session-registry.ts';
import type { DialRelay } from './dial-relay.ts';
import { cancel } from './join-streams.ts';
import type { OpenTunnels } from './open-tunnels.ts';

export interface TunnelServices {
  /** `undefined` for a session that is not known. Agents that have just departed are. */
  readonly findSession: (id: string) => Session | undefined;
  /** Somebody at the laptop uses the cluster. */
  readonly onUsed: (session: LaptopSession) => void;
  /** Whether the agent's workload is intercepted by the laptop. */
  readonly mayCall: (agent: AgentInfo, laptopSessionId: string) => boolean;
  readonly relay: DialRelay;
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

/**
 * Serves one tunnel. A laptop's is the answer to a request to dial, and then joined with the agent's; else what it wants to reach is
 * dialled. An agent's asks a laptop to dial.
 */
export async function serveTunnel(stream: CalleeStream, services: TunnelServices): Promise<void> {
  const info = await openCall(stream);
  const session = services.findSession(info.sessionId);
  if (session?.kind !== 'laptop') confirmCall(stream);
  if (session === undefined) endUnknown(stream, info);
  else if (session.kind === 'agent') await serveAgent(stream, info, session, services);
  else serveLaptop(stream, info, session, services);
}

async function serveAgent(
  stream: CalleeStream,
  info: StreamInfo,
  session: AgentSession,
  services: TunnelServices,
): Promise<void> {
  const laptopId = (await readControl(stream, tunnelCode.session)).toString();
  const laptop = services.findSession(laptopId);
  if (laptop?.kind !== 'laptop') {
    endCall(stream, callStatus.notFound, 'The laptop is not known');
  } else if (!services.mayCall(session.agent, laptopId)) {
    services.logger.warn('A traffic-agent wanted to reach a laptop that does not intercept its workload', {
      session: session.id,
    });
    endCall(stream, callStatus.notFound, 'The laptop does not intercept this workload');
  } else {
    services.tunnels.add(stream, laptop.signal, () => cancel(stream));
    services.relay.request(laptopId, info, stream);
  }
}

function serveLaptop(stream: CalleeStream, info: StreamInfo, session: LaptopSession, services: TunnelServices): void {
  const { connectionId: id } = info;
  const answer = services.relay.answer(session.id, info, stream);
  const mayDial = services.mayDial ?? isDialable;
  const isDialled = id.protocol === 'tcp' && answer === 'none' && mayDial(id.destination.ip);
  if (isDialled) confirmSoon(stream);
  else confirmCall(stream);
  if (answer === 'joined') return;
  const tunnel = toTunnel(stream, info);
  if (answer === 'late' || !mayDial(id.destination.ip)) {
    services.logger.debug('A tunnel was refused', { connection: describeConnection(id), isLate: answer === 'late' });
    tunnel.dialReject();
    return;
  }
  services.tunnels.add(tunnel, session.signal, () => tunnel.destroy());
  const destination = { host: formatIp(id.destination.ip), port: id.destination.port };
  if (id.protocol === 'udp') {
    relayUdp(tunnel, destination, { idleMs: services.udpIdleMs ?? defaultUdpIdleMs });
  } else {
    services.onUsed(session);
    const asked = info.dialTimeoutMs > 0 ? info.dialTimeoutMs : dialTimeoutMs.default;
    relayTcp(tunnel, destination, {
      dialTimeoutMs: Math.min(asked, dialTimeoutMs.max),
      beforeVerdict: () => confirmCall(stream),
    });
  }
}

/** The status tells the caller to arrive anew. A laptop is spared the wait by a reject, which to an agent would be the laptop's word. */
function endUnknown(stream: CalleeStream, info: StreamInfo): void {
  endCall(stream, callStatus.notFound, 'The session is not known', () => {
    if (!isAgentSessionId(info.sessionId)) stream.write(encodeMessage(tunnelCode.dialReject));
  });
}

function toTunnel(stream: CalleeStream, info: StreamInfo): TunnelDuplex {
  const tunnel = new TunnelDuplex(stream, { datagrams: info.connectionId.protocol === 'udp' });
  tunnel.on('error', () => undefined);
  return tunnel;
}
