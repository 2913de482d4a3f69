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

/** gRPC's RESOURCE_EXHAUSTED and PERMISSION_DENIED. */
const exhaustedStatus = '8';
const deniedStatus = '7';

/** A tunnel that comes later than this after its request was given up is none for it. */
const lateMs = 60_000;

/** What an opened tunnel is: the answer to a request, one that comes too late, or no answer at all. */
export type Claim = 'taken' | 'late' | 'none';

export interface DialWatchersParts {
  readonly isAllowed: (sessionId: string) => Promise<boolean>;
  readonly onWatched: (sessionId: string) => void;
  readonly onUnwatched?: (sessionId: string) => void;
}

/**
 * Laptops that reach this pod by themselves: each holds a `WatchDial` stream, is told of connections by it, and takes one by opening a
 * tunnel with the connection's id. Served by hand on the bare stream, whose end says that the laptop is gone.
 */
export class DialWatchers {
  /** By session; the newest last. */
  readonly #watchers = new Map<string, ServerHttp2Stream[]>();
  /** By session and connection, oldest first: a caller can use one source port for two of our ports. */
  readonly #pending = new Map<string, Deferred<TunnelDuplex>[]>();
  /** Requests that were given up: what answers them must not be taken for a connection into the cluster. */
  readonly #late = new Map<string, NodeJS.Timeout>();
  readonly #parts: DialWatchersParts;
  #count = 0;

  constructor(parts: DialWatchersParts) {
    this.#parts = parts;
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
      const message = input.subarray(prefixBytes, prefixBytes + input.readUInt32BE(1));
      this.#admit(stream, message).catch(() => stream.close());
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
    } catch (error) {
      this.#expectLate(key);
      throw error;
    } finally {
      stream.off('close', lost);
      signal.removeEventListener('abort', abort);
      const left = (this.#pending.get(key) ?? []).filter((other) => other !== pending);
      if (left.length > 0) this.#pending.set(key, left);
      else this.#pending.delete(key);
    }
  }

  /** A tunnel that a dial request asked for is taken. */
  claim(info: StreamInfo, tunnel: TunnelDuplex): Claim {
    const key = keyOf(info);
    const pending = this.#pending.get(key)?.shift();
    if (pending === undefined) return this.#late.has(key) ? 'late' : 'none';
    // The laptop's verdict has to be heard before anybody reads what follows it.
    tunnel.read(0);
    pending.resolve(tunnel);
    return 'taken';
  }

  async #admit(stream: ServerHttp2Stream, message: Buffer): Promise<void> {
    const { sessionId } = fromBinary(SessionInfoSchema, message);
    const isAllowed = await this.#parts.isAllowed(sessionId);
    if (stream.destroyed) return;
    if (isAllowed) this.#watch(stream, sessionId);
    else stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': deniedStatus }, { endStream: true });
  }

  #expectLate(key: string): void {
    clearTimeout(this.#late.get(key));
    this.#late.set(key, setTimeout(() => this.#late.delete(key), lateMs).unref());
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
      this.#parts.onUnwatched?.(sessionId);
    });
    this.#parts.onWatched(sessionId);
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
