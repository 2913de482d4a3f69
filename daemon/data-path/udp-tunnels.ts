import type { Logger } from '#base/common/log.ts';
import { type ConnectionId, describeConnection } from '#net/tunnel/stream-info.ts';
import { DialRejectedError } from '#net/tunnel/tunnel-duplex.ts';
import type { UdpFlow } from '../nat/flows.ts';
import type { FarEnd, FlowDialer } from './flow-dialer.ts';

export interface UdpTunnelsOptions {
  readonly dialer: FlowDialer;
  readonly dialTimeoutMs: number;
  readonly logger: Logger;
}

/** Datagrams kept for a flow whose tunnel is being opened; UDP programs send again what is lost. */
const maxWaiting = 32;

/** Datagrams queued on a tunnel before more are dropped, as a full socket buffer would. */
const maxQueued = 256;

interface UdpTunnel {
  readonly abort: AbortController;
  tunnel: FarEnd | undefined;
  waiting: Buffer[];
}

/** A tunnel for each UDP flow: opened by its first datagram, closed when the flow falls idle. */
export class UdpTunnels {
  readonly #options: UdpTunnelsOptions;
  readonly #tunnels = new Map<UdpFlow, UdpTunnel>();
  #isStopped = false;

  constructor(options: UdpTunnelsOptions) {
    this.#options = options;
  }

  send(flow: UdpFlow, datagram: Buffer): void {
    if (this.#isStopped) return;
    const entry = this.#tunnels.get(flow) ?? this.#open(flow);
    if (entry.tunnel === undefined) {
      // The payload shares its batch of packets, which a waiting one would keep alive.
      if (entry.waiting.length < maxWaiting) entry.waiting.push(Buffer.from(datagram));
    } else if (entry.tunnel.writableLength < maxQueued) {
      entry.tunnel.write(datagram);
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const flow of this.#tunnels.keys()) this.#close(flow);
  }

  #open(flow: UdpFlow): UdpTunnel {
    const entry: UdpTunnel = { abort: new AbortController(), tunnel: undefined, waiting: [] };
    this.#tunnels.set(flow, entry);
    flow.onIdle(() => this.#close(flow));
    void this.#dial(flow, entry);
    return entry;
  }

  async #dial(flow: UdpFlow, entry: UdpTunnel): Promise<void> {
    const { dialer, dialTimeoutMs, logger } = this.#options;
    const id: ConnectionId = { source: flow.source, destination: flow.destination, protocol: 'udp' };
    try {
      const tunnel = await dialer.dial(id, AbortSignal.any([entry.abort.signal, AbortSignal.timeout(dialTimeoutMs)]));
      // Its end is all that counts.
      tunnel.on('error', () => undefined);
      tunnel.once('close', () => this.#close(flow));
      if (entry.abort.signal.aborted) {
        tunnel.destroy();
        return;
      }
      entry.tunnel = tunnel;
      tunnel.on('data', (datagram: Buffer) => flow.send(datagram));
      tunnel.once('end', () => tunnel.destroy());
      for (const datagram of entry.waiting) tunnel.write(datagram);
      entry.waiting = [];
    } catch (error) {
      if (error instanceof DialRejectedError) flow.unreachable();
      else if (!entry.abort.signal.aborted) logger.debug('No way for a datagram', { flow: describeConnection(id), error });
      this.#close(flow);
    }
  }

  #close(flow: UdpFlow): void {
    const entry = this.#tunnels.get(flow);
    if (entry === undefined) return;
    this.#tunnels.delete(flow);
    entry.abort.abort();
    entry.tunnel?.destroy();
    flow.released();
  }
}
