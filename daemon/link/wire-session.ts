import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { PassThrough } from 'node:stream';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { callUnary } from '#net/grpc/unary-call.ts';
import type { PortForward } from '#net/port-forward/port-forward-target.ts';
import { clientSessionOptions, connectionWindowBytes } from '#net/tunnel/http2-options.ts';
import { openTunnel } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { Agent } from '#protocol/cluster/generated/agent_pb.js';
import { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import { type DNSRequestSchema, type DNSResponse, Manager } from '#protocol/cluster/generated/manager_pb.js';

export type ManagerClient = Client<typeof Manager>;
export type DesktopClient = Client<typeof Desktop>;
type AgentClient = Client<typeof Agent>;

const authority = 'http://traffic-manager';
const lookupDnsPath = '/telepresence.manager.Manager/LookupDNS';

/** Share of the peer's stream limit that is used: the rest is for calls. Go's default limit is 250. */
const usableShare = 0.8;

/** Until its settings have come, a peer is taken to have Go's default limit. */
const assumedStreamLimit = 250;

/** One HTTP/2 session with the traffic-manager, or an agent, over one port-forward: calls and tunnels share it. */
export class WireSession {
  readonly manager: ManagerClient;
  /** Only traffic-managers of this product have it. */
  readonly desktop: DesktopClient;
  /** Only agents have it. */
  readonly agent: AgentClient;
  /** Resolves when the session has ended, for whatever reason. */
  readonly closed: Promise<void>;
  /** Resolves when it takes no more streams: the peer has said goodbye, or it has ended. */
  readonly leaving: Promise<void>;
  readonly #session: ClientHttp2Session;
  readonly #forward: PortForward;
  readonly #tunnelPath: string;
  #tunnels = 0;

  private constructor(session: ClientHttp2Session, forward: PortForward, tunnelPath: string) {
    this.#session = session;
    this.#tunnelPath = tunnelPath;
    this.#forward = forward;
    this.closed = new Promise((resolve) => {
      if (session.destroyed) resolve();
      else session.once('close', resolve);
    });
    this.leaving = Promise.race([this.closed, new Promise<void>((resolve) => session.once('goaway', () => resolve()))]);
    const transport = createGrpcTransport({
      baseUrl: authority,
      sessionManager: {
        authority,
        request: async (method, path, headers, options) =>
          withReadableBody(session.request({ ...headers, ':method': method, ':path': path }, options)),
        notifyResponseByteRead: () => undefined,
      },
    });
    this.manager = createClient(Manager, transport);
    this.desktop = createClient(Desktop, transport);
    this.agent = createClient(Agent, transport);
  }

  /**
   * Speaks HTTP/2 on a fresh byte stream; resolves when the connection preface is out.
   *
   * @param tunnelPath of the service that tunnels are opened on
   */
  static async open(forward: PortForward, tunnelPath: string): Promise<WireSession> {
    const session = http2.connect(authority, { ...clientSessionOptions, createConnection: () => forward });
    // Every tunnel and call hears of the end through its own stream.
    session.on('error', () => undefined);
    let failure: Error | undefined;
    forward.on('error', (error) => {
      failure = error;
      endSession(session, forward, error);
    });
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve());
      session.once('close', () => reject(failure ?? new Error('The connection to the pod ended at once')));
    });
    session.setLocalWindowSize(connectionWindowBytes);
    return new WireSession(session, forward, tunnelPath);
  }

  get bytesReceived(): number {
    return this.#forward.bytesReceived;
  }

  /** Asked one after another by programs that wait, so by hand: see net/grpc/unary-call. */
  async lookupDns(request: MessageInitShape<typeof DNSRequestSchema>, signal: AbortSignal): Promise<DNSResponse> {
    return await callUnary(this.#session, lookupDnsPath, Manager.method.lookupDNS, request, signal);
  }

  get tunnels(): number {
    return this.#tunnels;
  }

  get isOpen(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** Whether the peer takes another tunnel without coming near its limit. */
  get hasRoom(): boolean {
    const limit = this.#session.remoteSettings?.maxConcurrentStreams ?? assumedStreamLimit;
    return this.#tunnels < limit * usableShare;
  }

  openTunnel(info: StreamInfo): TunnelDuplex {
    const tunnel = openTunnel(this.#session, this.#tunnelPath, info);
    this.#tunnels += 1;
    tunnel.once('close', () => (this.#tunnels -= 1));
    return tunnel;
  }

  /** Lets streams end, and takes no new ones. */
  close(): void {
    if (this.isOpen) this.#session.close();
  }

  /** Ends every call and tunnel now. */
  destroy(): void {
    endSession(this.#session, this.#forward);
  }
}

/**
 * Ends a session whose byte stream may take nothing any more. Node says goodbye on it: it then waits for a write under way for ever, or
 * throws, for its adapter of streams takes one at a time (ERR_INTERNAL_ASSERTION, node:internal/js_stream_socket; seen with Node 24). Its
 * streams have ended by then, and it does with the byte stream.
 */
function endSession(session: ClientHttp2Session, forward: PortForward, error?: Error): void {
  try {
    session.destroy(error);
  } catch {
    // Said above.
  }
  forward.destroy();
}

/**
 * A stream whose body can be iterated although it has ended already. A port-forward often delivers a whole answer at once; the stream is
 * closed then before anybody iterates, and Node takes a closed HTTP/2 stream with unread data for one that broke
 * (ERR_STREAM_PREMATURE_CLOSE). Reading through a stream of our own, which ends when its data has been read, avoids that.
 */
function withReadableBody(stream: ClientHttp2Stream): ClientHttp2Stream {
  const body = new PassThrough();
  // Whoever reads it hears of the end; nobody may be reading yet.
  body.on('error', () => undefined);
  stream.pipe(body);
  stream.once('error', (error: Error) => body.destroy(error));
  stream.once('close', () => {
    if (!stream.readableEnded) body.destroy(new Error('The stream ended before its answer'));
  });
  return Object.defineProperty(stream, Symbol.asyncIterator, { value: () => body[Symbol.asyncIterator]() });
}
