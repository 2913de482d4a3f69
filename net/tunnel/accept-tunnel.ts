import type { ServerHttp2Stream } from 'node:http2';
import { MuxStream } from '../mux/mux-stream.ts';
import { encodeMessage, FrameDecoder, messageLength } from './framing.ts';
import { decodeStreamInfo, type StreamInfo } from './stream-info.ts';
import { TunnelProtocolError, tunnelCode, tunnelVersion } from './tunnel-code.ts';
import { TunnelDuplex, TunnelResetError } from './tunnel-duplex.ts';
import type { CalleeStream } from './tunnel-stream.ts';
import { uvarintLength, writeUvarint } from './uvarint.ts';

/**
 * The callee's side of a tunnel whose caller is not kept waiting for a verdict: what follows is the callee's, dial, then `dialOk()` or
 * `dialReject()`.
 *
 * @throws TunnelProtocolError where the first message is not stream-info, TunnelResetError where the stream ends before it.
 */
export async function acceptTunnel(stream: CalleeStream): Promise<{ readonly info: StreamInfo; readonly tunnel: TunnelDuplex }> {
  const info = await openCall(stream);
  confirmCall(stream);
  return { info, tunnel: new TunnelDuplex(stream, { datagrams: info.connectionId.protocol === 'udp' }) };
}

/**
 * How a tunnel begins: reads what it is for. What follows stays in the stream; `confirmCall` is due before anything is written.
 *
 * @throws what `acceptTunnel` does.
 */
export async function openCall(stream: CalleeStream): Promise<StreamInfo> {
  return decodeStreamInfo(await readControl(stream, tunnelCode.streamInfo));
}

/** Answers the call, once. Streams that are no calls want no answer. */
export function confirmCall(stream: CalleeStream): void {
  if (stream instanceof MuxStream || stream.headersSent || stream.closed || stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const version = Buffer.alloc(uvarintLength(tunnelVersion));
  writeUvarint(version, 0, tunnelVersion);
  stream.write(encodeMessage(tunnelCode.streamOk, version));
}

/** Most dials have their verdict sooner; a caller that waits for the confirmation waits no longer. */
const confirmAfterMs = 5;

/** Leaves the answer to a verdict that comes soon: both then go in one flight, which spares each hop of the way one of two. */
export function confirmSoon(stream: CalleeStream): void {
  if (stream instanceof MuxStream) return;
  const timer = setTimeout(() => confirmCall(stream), confirmAfterMs);
  stream.once('close', () => clearTimeout(timer));
}

/** gRPC's codes for the end of a call that this side gives up. */
export const callStatus = { notFound: '5', unavailable: '14' } as const;

/** Ends the call with a status. To a tunnel it is a reset, unless its end had been said before. */
export function endCall(stream: CalleeStream, status: string, message: string, lastWord: () => void = () => undefined): void {
  if (stream.destroyed || stream.writableEnded) return;
  lastWord();
  if (!(stream instanceof MuxStream)) sayStatus(stream, status, message);
  stream.end();
  stream.resume();
}

function sayStatus(stream: ServerHttp2Stream, status: string, message: string): void {
  stream.removeAllListeners('wantTrailers');
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': message }));
}

/**
 * Reads one message, which must have the code, and leaves what follows it in the stream.
 *
 * @throws TunnelProtocolError for another message, TunnelResetError where the stream ends before it.
 */
export async function readControl(stream: CalleeStream, code: number): Promise<Buffer> {
  const found = Promise.withResolvers<Buffer>();
  let input: Buffer = Buffer.alloc(0);
  const take = (chunk: Buffer) => {
    input = input.length === 0 ? chunk : Buffer.concat([input, chunk]);
    try {
      const length = messageLength(input);
      if (length === undefined || input.length < length) return;
      stream.pause();
      stream.off('data', take);
      if (input.length > length) stream.unshift(input.subarray(length));
      found.resolve(decode(input.subarray(0, length), code));
    } catch (error) {
      found.reject(error);
    }
  };
  const fail = () => found.reject(new TunnelResetError('The tunnel ended before it said what it is for'));
  stream.on('data', take).once('end', fail).once('close', fail).once('error', fail);
  try {
    stream.resume();
    return await found.promise;
  } finally {
    stream.off('data', take).off('end', fail).off('close', fail).off('error', fail);
  }
}

function decode(message: Buffer, code: number): Buffer {
  let found: Buffer | undefined;
  let other: number | undefined;
  const decoder = new FrameDecoder(
    {
      data: () => (other = tunnelCode.data),
      control: (received, rest) => (received === code ? (found = rest) : (other = received)),
    },
    { datagrams: true },
  );
  decoder.push(message);
  if (found === undefined) throw new TunnelProtocolError(`A tunnel message of code ${other ?? 'none'} in the place of ${code}`);
  return found;
}
