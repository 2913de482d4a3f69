import type { ServerHttp2Stream } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import { describeConnection, encodeConnectionId, type StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { DialRequestSchema, SessionInfoSchema } from '#protocol/cluster/generated/manager_pb.js';

/** Laptops that listen for dial requests; more than that are refused. */
const maxWatchers = 1_000;

/** A session id and little more. */
const maxRequestBytes = 4_096;

const prefixBytes = 5;
const nanosecondsInMs = 1_000_000;

/** gRPC's RESOURCE_EXHAUSTED. */
const exhaustedStatus = '8';

/**
 * Laptops that reach this pod by themselves: each holds a `WatchDial` stream, is told of connections by it, and takes one by opening a
 * tunnel with the connection's id. Served by hand on the bare stream, whose end
 * says that the laptop is gone.
 */
export class DialWatchers {
  /** By session; the newest last. */
  readonly #watchers = new Map<string, ServerHttp2Stream[]>();
  /** By session and connection, oldest first: a caller can use one source port for two of our ports. */
  readonly #pending = new Map<string, Deferred<TunnelDuplex>[]>();
  readonly #onWatched: (sessionId: string) => void;
  #count = 0;

  constructor(onWatched: (sessionId: string) => void) {
    this.#onWatched = onWatched;
  }

  has(sessionId: string): boolean {
    return this.#watchers.has(sessionId);
  }

  /** Serves one `WatchDial` call. */
  serve(stream: ServerHttp2Stream): void {
    let input: Buffer = Buffer.alloc(0);
    const take = (chunk: Buffer) => {
      input = Buffer.concat([input, chunk]);
      if (input.length > maxRequestBytes) return stream.close();
      if (input.length < prefixBytes || input.length < prefixBytes + input.readUInt32BE(1)) return;
      stream.off('data', take);
      try {
        this.#watch(
          stream,
          fromBinary(SessionInfoSchema, input.subarray(prefixBytes, prefixBytes + input.readUInt32BE(1))).sessionId,
        );
      } catch {
        stream.close();
      }
    };
    stream.on('data', take);
  }

  /** Tells the laptop of a connection; resolves when it opens the tunnel, which has yet to be dialled. */
  async request(info: StreamInfo, signal: AbortSignal): Promise<TunnelDuplex> {
    const stream = this.#watchers.get(info.sessionId)?.at(-1);
    if (stream === undefined) throw new Error('The laptop does not watch');
    const key = keyOf(info);
    const pending = deferred<TunnelDuplex>();
    this.#pending.set(key, [...(this.#pending.get(key) ?? []), pending]);
    const lost = () => pending.reject(new Error('The laptop went away'));
    const abort = () => pending.reject(signal.reason);
    stream.once('close', lost);
    signal.addEventListener('abort', abort, { once: true });
    try {
      stream.write(dialRequest(info));
      return await pending.promise;
    } finally {
      stream.off('close', lost);
      signal.removeEventListener('abort', abort);
      const left = (this.#pending.get(key) ?? []).filter((other) => other !== pending);
      if (left.length > 0) this.#pending.set(key, left);
      else this.#pending.delete(key);
    }
  }

  /** Whether the tunnel was one that a dial request asked for; it is taken then. */
  claim(info: StreamInfo, tunnel: TunnelDuplex): boolean {
    const pending = this.#pending.get(keyOf(info))?.shift();
    if (pending === undefined) return false;
    // The laptop's verdict has to be heard before anybody reads what follows it.
    tunnel.read(0);
    pending.resolve(tunnel);
    return true;
  }

  #watch(stream: ServerHttp2Stream, sessionId: string): void {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': this.#count < maxWatchers ? '0' : exhaustedStatus }));
    stream.resume();
    if (this.#count >= maxWatchers) {
      stream.end();
      return;
    }
    this.#count += 1;
    this.#watchers.set(sessionId, [...(this.#watchers.get(sessionId) ?? []), stream]);
    stream.once('close', () => {
      this.#count -= 1;
      const left = (this.#watchers.get(sessionId) ?? []).filter((other) => other !== stream);
      if (left.length > 0) this.#watchers.set(sessionId, left);
      else this.#watchers.delete(sessionId);
    });
    this.#onWatched(sessionId);
  }
}

function keyOf({ sessionId, connectionId }: StreamInfo): string {
  return `${sessionId} ${describeConnection(connectionId)}`;
}

function dialRequest({ connectionId, dialTimeoutMs, roundtripMs }: StreamInfo): Buffer {
  const message = toBinary(
    DialRequestSchema,
    create(DialRequestSchema, {
      connId: encodeConnectionId(connectionId),
      dialTimeout: BigInt(Math.round(dialTimeoutMs * nanosecondsInMs)),
      roundtripLatency: BigInt(Math.round(roundtripMs * nanosecondsInMs)),
    }),
  );
  const frame = Buffer.alloc(prefixBytes + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}
