import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { MuxConnection } from '#net/mux/mux-connection.ts';
import type { PortForward } from '#net/port-forward/port-forward-target.ts';
import { openMuxTunnel } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { DNSRequestSchema, type DNSResponse, DNSResponseSchema } from '#protocol/cluster/generated/manager_pb.js';
import type { TunnelOptions } from '../data-path/tunnel-dialer.ts';

/** A multiplexed connection over one port-forward, for tunnels and look-ups. */
export class MuxSession {
  readonly closed: Promise<void>;
  readonly hasRoom = true;
  readonly #connection: MuxConnection;
  readonly #forward: PortForward;

  private constructor(connection: MuxConnection, forward: PortForward) {
    this.#connection = connection;
    this.#forward = forward;
    this.closed = connection.closed;
  }

  /** @throws MuxRefusedError where the peer knows no such connections. */
  static async open(forward: PortForward): Promise<MuxSession> {
    return new MuxSession(await MuxConnection.connect(forward), forward);
  }

  get bytesReceived(): number {
    return this.#forward.bytesReceived;
  }

  get tunnels(): number {
    return this.#connection.streamCount;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  openTunnel(info: StreamInfo, options: TunnelOptions): TunnelDuplex {
    return openMuxTunnel(this.#connection, info, options.isOptimistic === true);
  }

  /** @throws ConnectError, see `MuxConnection.call` */
  async lookupDns(request: MessageInitShape<typeof DNSRequestSchema>, signal: AbortSignal): Promise<DNSResponse> {
    const question = toBinary(DNSRequestSchema, create(DNSRequestSchema, request));
    return fromBinary(DNSResponseSchema, await this.#connection.call(question, signal));
  }

  /** @throws Error where the peer does not answer in time. */
  async ping(timeoutMs: number): Promise<void> {
    await this.#connection.ping(timeoutMs);
  }

  destroy(): void {
    this.#connection.destroy();
  }
}
