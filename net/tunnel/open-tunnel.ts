import type { ClientHttp2Session } from 'node:http2';
import type { MuxConnection } from '../mux/mux-connection.ts';
import { encodeMessage } from './framing.ts';
import { encodeStreamInfo, type StreamInfo } from './stream-info.ts';
import { tunnelCode } from './tunnel-code.ts';
import { TunnelDuplex } from './tunnel-duplex.ts';
import type { TunnelStream } from './tunnel-stream.ts';

/** Paths of the two services that tunnels can be opened on. */
export const managerTunnelPath = '/telepresence.manager.Manager/Tunnel';
export const agentTunnelPath = '/telepresence.agent.Agent/Tunnel';

/**
 * Opens a tunnel: request and stream-info leave in one flight, and nothing waits for stream-ok. Await `tunnel.dialled` before writing
 * where the far side dials; datagrams may be written at once.
 */
export function openTunnel(session: ClientHttp2Session, path: string, info: StreamInfo): TunnelDuplex {
  const stream = session.request(
    { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
    { endStream: false },
  );
  return begin(stream, info);
}

/** A program's first bytes come a fraction of this after its connection. */
const firstBytesMs = 1;

/** The same on a multiplexed connection. With `isPatient` it waits a moment for the first bytes, to leave in one flight with them. */
export function openMuxTunnel(connection: MuxConnection, info: StreamInfo, isPatient: boolean): TunnelDuplex {
  const open = () => begin(connection.open(), info);
  return isPatient ? connection.patiently(firstBytesMs, open) : open();
}

function begin(stream: TunnelStream, info: StreamInfo): TunnelDuplex {
  const tunnel = new TunnelDuplex(stream, { datagrams: info.connectionId.protocol === 'udp' });
  stream.write(encodeMessage(tunnelCode.streamInfo, encodeStreamInfo(info)));
  return tunnel;
}
