import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { KubeCredentials, KubeStatusError } from '#net/kube/kube-client.ts';
import {
  highWaterMarkBytes,
  maxQueuedBytes,
  type OpenOptions,
  type PortForward,
  PortForwardError,
  type PortForwardTarget,
  parseStatus,
  portForwardUrl,
} from './port-forward-target.ts';
import {
  controlFrame,
  controlType,
  dataHeader,
  type FrameHeader,
  flagFin,
  frameHeaderBytes,
  readFrameHeader,
  synStream,
} from './spdy-frames.ts';

/** Ids of a client's streams are odd; each port-forward is a pair. */
const errorStream = 1;
const dataStream = 3;

/** Control frames are small; one this long is no SPDY. */
const maxControlBytes = 64 * 1024;

/**
 * A port-forward as kubectl has always made it: `POST …/portforward`, upgraded to SPDY/3.1. The API server and the kubelet pass its bytes
 * on as they are, which costs them, and us, a good deal less than WebSocket messages; and it needs the verb `create`, which roles grant.
 *
 * @throws KubeStatusError where the API server answers otherwise, Node's own errors where the way there breaks.
 */
export async function openSpdyForward(
  credentials: KubeCredentials,
  target: PortForwardTarget,
  options: OpenOptions,
): Promise<PortForward> {
  const { headers, ...rest } = await credentials.requestOptions();
  const url = portForwardUrl(credentials.server, target);
  const request = (url.protocol === 'https:' ? https : http).request(url, {
    ...rest,
    agent: rest.agent ?? false,
    method: 'POST',
    headers: {
      ...(headers as Record<string, string>),
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'portforward.k8s.io',
    },
  });
  // Not as the request's own signal, which would also end what it was upgraded to.
  const signal = AbortSignal.any([
    AbortSignal.timeout(options.timeoutMs),
    ...(options.signal === undefined ? [] : [options.signal]),
  ]);
  const abort = () => request.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  const answer = await new Promise<{ readonly socket: Socket; readonly head: Buffer }>((resolve, reject) => {
    request.once('upgrade', (_response: IncomingMessage, socket: Socket, head: Buffer) => resolve({ socket, head }));
    request.once('response', (response) => void refused(response).then(reject));
    request.once('error', reject);
    request.end();
  }).finally(() => signal.removeEventListener('abort', abort));
  return new SpdyForward(answer.socket, answer.head, target.port);
}

class SpdyForward extends Duplex implements PortForward {
  readonly #socket: Socket;
  #bytesReceived = 0;
  /** Bytes of a frame header, or of a control frame, that came so far. */
  #pending: Buffer | undefined;
  #frame: FrameHeader | undefined;
  /** Bytes of the data frame under way that have not come yet. */
  #dataLeft = 0;
  #errorText = '';

  constructor(socket: Socket, head: Buffer, port: number) {
    super({ highWaterMark: highWaterMarkBytes, allowHalfOpen: false });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
    socket.on('error', (error) => this.destroy(error));
    const headers = { port: String(port), requestid: '0' };
    socket.write(synStream(errorStream, { streamtype: 'error', ...headers }, { isFirst: true, flags: flagFin }));
    socket.write(synStream(dataStream, { streamtype: 'data', ...headers }, { isFirst: false }));
    if (head.length > 0) this.#receive(head);
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send([chunk], chunk.length, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    const buffers = chunks.map(({ chunk }) => chunk);
    this.#send(
      buffers,
      buffers.reduce((sum, { length }) => sum + length, 0),
      callback,
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.end(dataHeader(dataStream, 0, flagFin), () => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }

  /** One frame for all that waits together. HTTP/2 hands over what it has at once, far below the limit of a frame. */
  #send(chunks: readonly Buffer[], bytes: number, callback: (error?: Error | null) => void): void {
    const socket = this.#socket;
    const isQueueShort = socket.writableLength < maxQueuedBytes;
    socket.cork();
    socket.write(dataHeader(dataStream, bytes));
    for (const [index, chunk] of chunks.entries()) {
      const isLast = index === chunks.length - 1;
      if (isLast && !isQueueShort) socket.write(chunk, callback);
      else socket.write(chunk);
    }
    socket.uncork();
    // HTTP/2 makes its next write when it hears of the last: waiting for the socket each time would leave it idle in between.
    if (isQueueShort) process.nextTick(callback);
  }

  #receive(chunk: Buffer): void {
    this.#bytesReceived += chunk.length;
    let at = 0;
    while (at < chunk.length && !this.destroyed) {
      if (this.#dataLeft > 0) {
        const end = Math.min(chunk.length, at + this.#dataLeft);
        this.#dataLeft -= end - at;
        this.#data(chunk.subarray(at, end));
        at = end;
        if (this.#dataLeft === 0) this.#frameEnded();
      } else {
        at += this.#collect(chunk.subarray(at));
      }
    }
  }

  /** Takes what is missing of a frame header or a control frame. Returns the bytes used. */
  #collect(rest: Buffer): number {
    const have = this.#pending?.length ?? 0;
    const wanted = frameHeaderBytes + (this.#frame?.kind === 'control' ? this.#frame.length : 0);
    const used = Math.min(rest.length, wanted - have);
    const part = rest.subarray(0, used);
    const bytes = this.#pending === undefined ? part : Buffer.concat([this.#pending, part]);
    if (bytes.length < wanted) {
      this.#pending = bytes;
      return used;
    }
    this.#pending = undefined;
    if (this.#frame?.kind === 'control') {
      this.#control(this.#frame.type, bytes.subarray(frameHeaderBytes));
      this.#frame = undefined;
      return used;
    }
    this.#begin(readFrameHeader(bytes), bytes);
    return used;
  }

  #begin(frame: FrameHeader, header: Buffer): void {
    this.#frame = frame;
    if (frame.kind === 'data') {
      this.#dataLeft = frame.length;
      if (frame.length === 0) this.#frameEnded();
    } else if (frame.length > maxControlBytes) {
      this.destroy(new PortForwardError(`A control frame of ${frame.length} bytes`));
    } else if (frame.length === 0) {
      this.#control(frame.type, Buffer.alloc(0));
      this.#frame = undefined;
    } else {
      this.#pending = Buffer.from(header);
    }
  }

  #data(bytes: Buffer): void {
    if (this.#frame?.kind !== 'data') return;
    if (this.#frame.streamId === errorStream) this.#errorText += bytes.toString('utf8');
    else if (!this.push(bytes)) this.#socket.pause();
  }

  #frameEnded(): void {
    const frame = this.#frame;
    this.#frame = undefined;
    if (frame?.kind !== 'data' || (frame.flags & flagFin) === 0) return;
    if (frame.streamId === dataStream) this.push(null);
    else if (this.#errorText.trim() !== '') this.destroy(new PortForwardError(this.#errorText.trim()));
  }

  #control(type: number, payload: Buffer): void {
    switch (type) {
      case controlType.ping:
        // Ids of the server's pings are even; odd ones would be answers to ours, of which there are none.
        if (payload.length === 4 && payload.readUInt32BE(0) % 2 === 0)
          this.#socket.write(controlFrame(controlType.ping, 0, payload));
        return;
      case controlType.rstStream:
        this.destroy(new PortForwardError(this.#errorText.trim() === '' ? 'The stream was reset' : this.#errorText.trim()));
        return;
      case controlType.goAway:
        this.push(null);
        return;
      default:
        // Replies and settings say nothing that matters here.
        return;
    }
  }
}

async function refused(response: IncomingMessage): Promise<KubeStatusError> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return parseStatus(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'));
}
