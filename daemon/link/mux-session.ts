import { MuxConnection } from '#net/mux/mux-connection.ts';
import type { PortForward } from '#net/port-forward/port-forward-target.ts';
import { openMuxTunnel } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';

/** A multiplexed connection over one port-forward, for tunnels alone. */
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

  openTunnel(info: StreamInfo): TunnelDuplex {
    return openMuxTunnel(this.#connection, info);
  }

  /** @throws Error where the peer does not answer in time. */
  async ping(timeoutMs: number): Promise<void> {
    await this.#connection.ping(timeoutMs);
  }

  destroy(): void {
    this.#connection.destroy();
  }
}
