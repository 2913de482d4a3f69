import { Duplex } from 'node:stream';
import WebSocket from 'ws';
import type { KubeCredentials } from '#net/kube/kube-client.ts';
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

/**
 * WebSocket messages of the subprotocol begin with a channel: 0 is data, 1 is an error text. The first message of each channel carries the
 * port (2 bytes, little-endian) instead.
 */
const subprotocol = 'v4.channel.k8s.io';
const dataChannel = 0;
const errorChannel = 1;

/** The API server and the kubelet cut data into pieces far below this. */
const maxMessageBytes = 4 * 1024 * 1024;

/** Small writes that wait together leave as one message of at most this size. */
const maxBatchBytes = 256 * 1024;

/**
 * A port-forward over WebSocket: for API servers, and proxies in front of them, that do not let SPDY through.
 *
 * @throws KubeStatusError where the API server refuses (403, 404), Node's own errors where the way there breaks.
 */
export async function openWebSocketForward(
  credentials: KubeCredentials,
  target: PortForwardTarget,
  options: OpenOptions,
): Promise<PortForward> {
  const { headers, ...tls } = await credentials.requestOptions();
  const socket = new WebSocket(webSocketUrl(credentials.server, target), [subprotocol], {
    ...tls,
    headers: headers as Record<string, string>,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handshakeTimeout: options.timeoutMs,
    skipUTF8Validation: true,
  });
  const abort = () => socket.terminate();
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    await opened(socket);
    return new WebSocketForward(socket);
  } catch (error) {
    throw options.signal?.aborted === true ? options.signal.reason : error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

class WebSocketForward extends Duplex implements PortForward {
  readonly #socket: WebSocket;
  #bytesReceived = 0;
  readonly #announced = [false, false];

  constructor(socket: WebSocket) {
    super({ highWaterMark: highWaterMarkBytes, allowHalfOpen: false });
    this.#socket = socket;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (message: Buffer) => this.#receive(message));
    socket.on('close', () => {
      if (!this.readableEnded) this.push(null);
    });
    socket.on('error', (error) => this.destroy(error));
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send([chunk], chunk.length, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    let batch: Buffer[] = [];
    let batchBytes = 0;
    let failure: Error | undefined;
    for (const [index, { chunk }] of chunks.entries()) {
      batch.push(chunk);
      batchBytes += chunk.length;
      const isLast = index === chunks.length - 1;
      if (batchBytes >= maxBatchBytes || isLast) {
        this.#send(batch, batchBytes, (error) => {
          failure ??= error ?? undefined;
          if (isLast) callback(failure);
        });
        batch = [];
        batchBytes = 0;
      }
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.close();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.terminate();
    callback(error);
  }

  #send(chunks: readonly Buffer[], bytes: number, callback: (error?: Error | null) => void): void {
    const message = Buffer.allocUnsafe(bytes + 1);
    message[0] = dataChannel;
    let at = 1;
    for (const chunk of chunks) at += chunk.copy(message, at);
    const socket = this.#socket;
    const isQueueShort = socket.bufferedAmount < maxQueuedBytes;
    // HTTP/2 makes its next write when it hears of the last: waiting for the socket each time would leave it idle in between.
    socket.send(message, { binary: true, compress: false }, isQueueShort ? (error) => this.#sent(error) : callback);
    if (isQueueShort) process.nextTick(callback);
  }

  #sent(error: Error | null | undefined): void {
    if (error !== null && error !== undefined) this.destroy(error);
  }

  #receive(message: Buffer): void {
    this.#bytesReceived += message.length;
    const channel = message[0] ?? errorChannel;
    if (this.#announced[channel] === false) {
      this.#announced[channel] = true;
      return;
    }
    if (channel === errorChannel) {
      this.destroy(new PortForwardError(message.toString('utf8', 1).trim()));
    } else if (!this.push(message.subarray(1))) {
      this.#socket.pause();
    }
  }
}

function webSocketUrl(server: URL, target: PortForwardTarget): URL {
  const url = portForwardUrl(server, target);
  url.protocol = server.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('ports', String(target.port));
  return url;
}

async function opened(socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => {
      // Messages that came with the handshake wait for the stream, which resumes when it is read.
      socket.pause();
      resolve();
    });
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        reject(parseStatus(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
        socket.terminate();
      });
    });
  });
}
