import type { ClientHttp2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeOf } from './code-of.ts';

/**
 * Unary gRPC calls without the generality of a framework: no interceptors, no metadata, no compression. For the few calls that a person
 * waits for one after another, such as look-ups, where Connect's layers cost a millisecond on each side.
 */

/** Compressed flag and length in front of a message. */
const prefixBytes = 5;

/** gRPC's own default. */
const maxMessageBytes = 4 * 1024 * 1024;

/** @throws ConnectError with the peer's status; `unavailable` where the stream breaks, `canceled` or `deadlineExceeded` by the signal. */
export async function callUnary<Input extends DescMessage, Output extends DescMessage>(
  session: ClientHttp2Session,
  path: string,
  method: { readonly input: Input; readonly output: Output },
  request: MessageInitShape<Input>,
  signal: AbortSignal,
): Promise<MessageShape<Output>> {
  const body = await exchange(session, path, frame(toBinary(method.input, create(method.input, request))), signal);
  return fromBinary(method.output, body);
}

/** Serves one call on its stream: reads the request, answers, or ends with the status of the error. */
export async function serveUnary<Input extends DescMessage, Output extends DescMessage>(
  stream: ServerHttp2Stream,
  method: { readonly input: Input; readonly output: Output },
  handle: (request: MessageShape<Input>, signal: AbortSignal) => Promise<MessageInitShape<Output>>,
): Promise<void> {
  const gone = new AbortController();
  stream.once('close', () => gone.abort());
  let trailers: Record<string, string> = { 'grpc-status': '0' };
  let answer: Buffer | undefined;
  try {
    const question = unframe(await readAll(stream));
    answer = frame(await unaryAnswer(method, question, (request) => handle(request, gone.signal)));
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    trailers = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(rawMessage) };
  }
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(answer);
}

/** Answers one call whose question is the bare message. */
export async function unaryAnswer<Input extends DescMessage, Output extends DescMessage>(
  method: { readonly input: Input; readonly output: Output },
  question: Uint8Array,
  handle: (request: MessageShape<Input>) => Promise<MessageInitShape<Output>>,
): Promise<Uint8Array> {
  return toBinary(method.output, create(method.output, await handle(fromBinary(method.input, question))));
}

function exchange(session: ClientHttp2Session, path: string, request: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    if (signal.aborted) {
      reject(aborted(signal));
      return;
    }
    const stream = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      { endStream: false },
    );
    const abort = () => {
      reject(aborted(signal));
      stream.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    const chunks: Buffer[] = [];
    let status: IncomingHttpHeaders = {};
    const keep = (headers: IncomingHttpHeaders) => {
      status = headers;
    };
    stream.on('response', keep);
    stream.on('trailers', keep);
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const body = chunks.length === 1 ? chunk : Buffer.concat(chunks);
      // An error has no message, so a whole one is the answer; its status comes a flight later.
      if (isWhole(body)) resolve(body);
    });
    stream.on('error', (error: Error) => reject(new ConnectError(error.message, Code.Unavailable)));
    stream.on('close', () => {
      signal.removeEventListener('abort', abort);
      if (status['grpc-status'] === '0') resolve(Buffer.concat(chunks));
      else reject(failure(status));
    });
    stream.end(request);
  }).then(unframe);
}

/** A stream that broke has no status. */
function failure(status: IncomingHttpHeaders): ConnectError {
  const message = decodeURIComponent(String(status['grpc-message'] ?? 'The stream broke'));
  return new ConnectError(message, codeOf(status['grpc-status']?.toString()));
}

function aborted(signal: AbortSignal): ConnectError {
  const isTimeout = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return new ConnectError('The call was given up', isTimeout ? Code.DeadlineExceeded : Code.Canceled);
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

function isWhole(body: Buffer): boolean {
  return body.length >= prefixBytes && body.length === prefixBytes + body.readUInt32BE(1);
}

function unframe(body: Buffer): Buffer {
  if (!isWhole(body) || body[0] !== 0) {
    throw new ConnectError('Not exactly one uncompressed message', Code.Internal);
  }
  return body.subarray(prefixBytes);
}

async function readAll(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxMessageBytes + prefixBytes) throw new ConnectError('The message is too large', Code.ResourceExhausted);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
