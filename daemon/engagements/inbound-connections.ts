import type { Socket } from 'node:net';
import type { Logger } from '#base/common/log.ts';
import { resetSocket } from '#base/node/reset-socket.ts';
import { relayUdp } from '#net/relay/udp-relay.ts';
import { type ConnectionId, decodeConnectionId, describeConnection, describeEndpoint } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { DialRequest } from '#protocol/cluster/generated/manager_pb.js';
import type { Engagement as EngagementSnapshot } from '#protocol/local-api/model.ts';
import { relay } from '../data-path/tcp-relay.ts';
import type { DialWay } from '../link/dial-way.ts';
import { ConnectionObserver, recordDatagrams, recordRefused } from '../traffic/connection-observer.ts';
import type { TrafficPlace } from '../traffic/traffic-record.ts';
import type { TrafficRecorder } from '../traffic/traffic-recorder.ts';
import { dialHandler, type HandlerAddress } from './handler-dial.ts';

/** Where a peer says nothing about its patience. */
const defaultDialTimeoutMs = 5_000;

/** As long as the other flows of UDP live. */
const udpIdleMs = 60_000;

const nanosecondsInMs = 1_000_000;

export type Traffic = EngagementSnapshot['traffic'];

/** The connections from the cluster to one handler. */
export class InboundConnections {
  readonly #name: string;
  readonly #recorder: TrafficRecorder;
  readonly #logger: Logger;
  readonly #onChanged: () => void;
  readonly #onHandler: (isListening: boolean) => void;
  readonly #tunnels = new Set<TunnelDuplex>();
  readonly #sockets = new Set<Socket>();
  #ended = { connections: 0, direct: 0, rejected: 0, inBytes: 0, outBytes: 0 };

  constructor(options: {
    /** Of the engagement. */
    readonly name: string;
    readonly recorder: TrafficRecorder;
    readonly logger: Logger;
    readonly onChanged: () => void;
    /** With each dial of the handler. */
    readonly onHandler: (isListening: boolean) => void;
  }) {
    this.#name = options.name;
    this.#recorder = options.recorder;
    this.#logger = options.logger;
    this.#onChanged = options.onChanged;
    this.#onHandler = options.onHandler;
  }

  get traffic(): Traffic {
    const { inBytes, outBytes, direct, ...counts } = this.#ended;
    const sockets = [...this.#sockets];
    return {
      ...counts,
      ...(direct === 0 ? {} : { direct }),
      open: this.#tunnels.size,
      inBytes: sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, inBytes),
      outBytes: sockets.reduce((sum, { bytesRead }) => sum + bytesRead, outBytes),
    };
  }

  /** Dials the handler and joins it with a tunnel of the request's id, at the same time; a failure is the peer's to tell its caller. */
  async accept(way: DialWay, request: DialRequest, id: ConnectionId, handler: HandlerAddress): Promise<void> {
    const dialTimeoutMs = Number(request.dialTimeout) / nanosecondsInMs || defaultDialTimeoutMs;
    const signal = AbortSignal.timeout(dialTimeoutMs);
    const dialling = id.protocol === 'tcp' ? dialHandler(handler, signal) : undefined;
    dialling?.catch(() => undefined);
    let tunnel: TunnelDuplex;
    try {
      tunnel = await openDialTunnel(way, request, id, signal);
    } catch (error) {
      this.#logger.warn('A connection from the cluster was lost', { connection: describeConnection(id), error });
      void dialling?.then(
        (socket) => socket.destroy(),
        () => undefined,
      );
      return;
    }
    this.#tunnels.add(tunnel);
    this.#ended.connections += 1;
    if (way.isDirect) this.#ended.direct += 1;
    tunnel.once('close', () => {
      this.#tunnels.delete(tunnel);
      this.#onChanged();
    });
    this.#onChanged();
    const place = { engagement: this.#name, from: describeEndpoint(id.source), to: describeHandler(handler) };
    if (dialling === undefined) {
      const onDatagram = recordDatagrams(this.#recorder, place, tunnel);
      relayUdp(tunnel, { host: handler.hosts[0] ?? '127.0.0.1', port: handler.port }, { idleMs: udpIdleMs, onDatagram });
      return;
    }
    await this.#join(tunnel, dialling, id, place);
  }

  /** Ends every connection now. */
  destroy(): void {
    for (const tunnel of this.#tunnels) tunnel.destroy();
    for (const socket of this.#sockets) resetSocket(socket);
  }

  async #join(tunnel: TunnelDuplex, dialling: Promise<Socket>, id: ConnectionId, place: TrafficPlace): Promise<void> {
    let socket: Socket;
    try {
      socket = await dialling;
    } catch (error) {
      this.#logger.info('The handler does not take a connection', { connection: describeConnection(id), error });
      this.#ended.rejected += 1;
      tunnel.dialReject();
      recordRefused(this.#recorder, place);
      this.#onHandler(false);
      return;
    }
    this.#onHandler(true);
    if (tunnel.destroyed) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#ended.inBytes += socket.bytesWritten;
      this.#ended.outBytes += socket.bytesRead;
      this.#onChanged();
    });
    tunnel.dialOk();
    const relayed = relay(socket, tunnel);
    // Behind the relay, which hands each chunk on before it is looked at.
    new ConnectionObserver(this.#recorder, place).follow(tunnel, socket);
    await relayed;
  }
}

function describeHandler({ hosts, port }: HandlerAddress): string {
  const [host = ''] = hosts;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Tells the peer that nobody here waits for the connection: for good, so that its caller sees a closed port, or for now, so that the app
 * answers.
 */
export async function refuseDial(way: DialWay, request: DialRequest, id: ConnectionId, isForGood: boolean): Promise<void> {
  const tunnel = await openDialTunnel(way, request, id, AbortSignal.timeout(defaultDialTimeoutMs));
  if (isForGood) tunnel.dialReject();
  else tunnel.destroy();
}

/** @throws TunnelProtocolError where the id is malformed. */
export function connectionOf({ connId }: DialRequest): ConnectionId {
  return decodeConnectionId(Buffer.from(connId));
}

async function openDialTunnel(
  way: DialWay,
  request: DialRequest,
  connectionId: ConnectionId,
  signal: AbortSignal,
): Promise<TunnelDuplex> {
  const tunnel = await way.openTunnel(
    {
      connectionId,
      sessionId: way.sessionId,
      dialTimeoutMs: Number(request.dialTimeout) / nanosecondsInMs || defaultDialTimeoutMs,
      roundtripMs: Number(request.roundtripLatency) / nanosecondsInMs,
    },
    signal,
  );
  tunnel.on('error', () => undefined);
  return tunnel;
}
