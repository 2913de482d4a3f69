import type { ClientHttp2Session, ServerHttp2Stream } from 'node:http2';
import { deferred } from '#base/common/deferred.ts';
import { encodeMessage, FrameDecoder, messageLength } from './framing.ts';
import { decodeStreamInfo, encodeStreamInfo, type StreamInfo } from './stream-info.ts';
import { TunnelProtocolError, tunnelCode, tunnelVersion } from './tunnel-code.ts';
import { TunnelDuplex, TunnelResetError } from './tunnel-duplex.ts';
import { uvarintLength, writeUvarint } from './uvarint.ts';

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
  const tunnel = new TunnelDuplex(stream, { datagrams: info.connectionId.protocol === 'udp' });
  stream.write(encodeMessage(tunnelCode.streamInfo, encodeStreamInfo(info)));
  return tunnel;
}

/**
 * The callee's side: answers the headers, waits for stream-info and confirms it. What follows is the caller's: dial, then `dialOk()` or
 * `dialReject()`.
 *
 * @throws TunnelProtocolError where the first message is not stream-info, TunnelResetError where the stream ends before it.
 */
export async function acceptTunnel(
  stream: ServerHttp2Stream,
): Promise<{ readonly info: StreamInfo; readonly tunnel: TunnelDuplex }> {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const info = decodeStreamInfo(await readFirstControl(stream, tunnelCode.streamInfo));
  const tunnel = new TunnelDuplex(stream, { datagrams: info.connectionId.protocol === 'udp' });
  const version = Buffer.alloc(uvarintLength(tunnelVersion));
  writeUvarint(version, 0, tunnelVersion);
  tunnel.sendControl(tunnelCode.streamOk, version);
  return { info, tunnel };
}

/** Reads the first message, which must have the code, and leaves what follows it in the stream. */
async function readFirstControl(stream: ServerHttp2Stream, code: number): Promise<Buffer> {
  const found = deferred<Buffer>();
  let input: Buffer = Buffer.alloc(0);
  const decode = (message: Buffer) => {
    const decoder = new FrameDecoder(
      {
        data: () => found.reject(new TunnelProtocolError('A tunnel that begins with data')),
        control: (received, rest) => {
          if (received === code) found.resolve(rest);
          else found.reject(new TunnelProtocolError(`A tunnel that begins with code ${received}`));
        },
      },
      { datagrams: true },
    );
    decoder.push(message);
    found.reject(new TunnelProtocolError('A tunnel that begins with an empty message'));
  };
  const take = (chunk: Buffer) => {
    input = input.length === 0 ? chunk : Buffer.concat([input, chunk]);
    try {
      const length = messageLength(input);
      if (length === undefined || input.length < length) return;
      stream.pause();
      stream.off('data', take);
      if (input.length > length) stream.unshift(input.subarray(length));
      decode(input.subarray(0, length));
    } catch (error) {
      found.reject(error);
    }
  };
  const fail = () => found.reject(new TunnelResetError('The tunnel ended before it said what it is for'));
  stream.on('data', take).once('end', fail).once('close', fail).once('error', fail);
  try {
    return await found.promise;
  } finally {
    stream.off('end', fail).off('close', fail);
  }
}
