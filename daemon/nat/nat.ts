import { Worker } from 'node:worker_threads';
import { deferred } from '#base/common/deferred.ts';
import { formatIp, ipFromBytes, ipToBytes } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { writeEchoReply, writeUnreachable } from '#net/packet/icmp.ts';
import { destinationIp, IpPacketReader, sourceIp } from '#net/packet/ip-packet.ts';
import type { TcpEndpoints } from '#net/packet/tcp.ts';
import { maxUdpPayloadBytes, writeUdpPacket } from '#net/packet/udp.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { EchoPolicy } from './echo-policy.ts';
import { type NatEvent, readEvents } from './event-batch.ts';
import { firstNatPort, natPortsPerPeer } from './flow-table.ts';
import type { Endpoint, IcmpEcho, TcpFlow, UdpFlow } from './flows.ts';
import { HeldTcpFlow } from './held-tcp-flow.ts';
import { canonicalIpText, type NatConfig, type NatFamilyConfig, type NatOptions, natConfig, slotCountOf } from './nat-config.ts';
import type { NatWorkerData, NatWorkerMessage } from './nat-worker.ts';
import { PacketWriter } from './packet-writer.ts';
import { type NatCounter, SharedState } from './shared-state.ts';
import { errnoName, WakeEvent } from './system-calls.ts';
import { UdpFlows, writeUdpUnreachable } from './udp-flows.ts';

export interface NatHandlers {
  /** A program asks for a connection; nothing reaches it until the flow is accepted or rejected. */
  onTcpFlow(flow: TcpFlow): void;
  /** The payload is a view that nobody else uses; keeping it keeps its whole batch of packets. */
  onUdpPacket(flow: UdpFlow, payload: Buffer): void;
  /** The device was removed or cannot be read any more. Called once, at most; `stop` is still due. */
  onDeviceGone(error: AppError): void;
  /** Without it, pings are answered for addresses that accepted a connection within the last minute. */
  onIcmpEcho?(echo: IcmpEcho): void;
}

export type NatStats = Readonly<Record<NatCounter, number>> & {
  /** TCP flows that the connection thread holds, UDP flows, and datagrams dropped because those were too many. */
  readonly heldTcpFlows: number;
  readonly udpFlows: number;
  readonly udpFlowsRefused: number;
  /** Packets that the device did not take from the connection thread; `writeErrors` are the packet thread's. */
  readonly connectionWriteErrors: number;
};

const startTimeoutMs = 5_000;
const stopTimeoutMs = 2_000;

/**
 * The laptop's side of the data path: a packet thread between a TUN device and the listeners of the thread that owns this object.
 *
 * ```
 *  program ──► TUN ──► packet thread ──► TUN ──► kernel's TCP ──► listener (caller) ──► tunnel to the cluster
 *                        │     ▲ slot states (shared memory)
 *                        ▼     │
 *                      this object: held SYNs, datagrams, pings
 * ```
 */
export class Nat {
  readonly #handlers: NatHandlers;
  readonly #logger: Logger;
  readonly #tunFd: number;
  readonly #config: NatConfig;
  readonly #shared: SharedState;
  readonly #writer: PacketWriter;
  readonly #udpFlows: UdpFlows;
  readonly #echoPolicy = new EchoPolicy();
  readonly #reader = new IpPacketReader();
  readonly #tcpFlows = new Map<number, HeldTcpFlow>();
  readonly #firstSlotOfPeer = new Map<string, number>();
  readonly #wakeOnExit = (): void => this.#requestStop();
  #wakeEvent: WakeEvent | undefined;
  #worker: Worker | undefined;
  #exited = deferred<void>();
  #isDeviceGone = false;
  #nextFlowId = 1;

  constructor(options: NatOptions, handlers: NatHandlers) {
    this.#handlers = handlers;
    this.#logger = options.logger;
    this.#tunFd = options.tunFd;
    this.#config = natConfig(options);
    this.#shared = new SharedState(slotCountOf(this.#config));
    this.#writer = new PacketWriter(options.tunFd, this.#shared);
    this.#udpFlows = new UdpFlows({
      maxFlows: options.maxUdpFlows ?? 4_096,
      idleMs: options.udpIdleMs ?? 60_000,
      writer: this.#writer,
      onDatagram: (flow, payload) => handlers.onUdpPacket(flow, payload),
    });
    for (const family of this.#families()) {
      for (const [index, peer] of family.peers.entries()) {
        const ip = ipFromBytes(peer);
        if (ip !== undefined) this.#firstSlotOfPeer.set(formatIp(ip), family.slotBase + index * natPortsPerPeer);
      }
    }
  }

  /** Starts the packet thread; resolves when it takes packets. A `Nat` is started once. */
  async start(): Promise<void> {
    const wakeEvent = new WakeEvent();
    this.#wakeEvent = wakeEvent;
    const workerData: NatWorkerData = {
      tunFd: this.#tunFd,
      wakeFd: wakeEvent.fd,
      shared: this.#shared.buffer,
      config: this.#config,
    };
    const worker = new Worker(workerUrl(), { workerData, name: 'nat' });
    this.#worker = worker;
    process.on('exit', this.#wakeOnExit);
    const started = deferred<void>();
    const timer = setTimeout(() => started.reject(failure('The packet thread did not start in time')), startTimeoutMs);
    worker.on('message', (message: NatWorkerMessage) => {
      if (message instanceof ArrayBuffer) this.#handleBatch(message);
      else if (message.kind === 'started') started.resolve();
      else this.#loseDevice(failure('The network interface is gone', errnoName(message.errno)));
    });
    worker.on('error', (error) => {
      started.reject(failure('The packet thread failed', AppError.from(error).message));
      this.#loseDevice(failure('The packet thread failed', AppError.from(error).message));
    });
    worker.on('exit', () => this.#exited.resolve());
    try {
      await started.promise;
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Ends the packet thread; after that nothing uses the device's descriptor. Connections that are open stay so in the laptop's kernel
   * until their sockets are destroyed: do that first, then the programs hear of it.
   */
  async stop(): Promise<void> {
    this.#requestStop();
    process.off('exit', this.#wakeOnExit);
    const worker = this.#worker;
    if (worker !== undefined) {
      const timer = setTimeout(() => void worker.terminate(), stopTimeoutMs);
      await this.#exited.promise;
      clearTimeout(timer);
    }
    this.#worker = undefined;
    this.#wakeEvent?.[Symbol.dispose]();
    this.#udpFlows.clear();
    this.#tcpFlows.clear();
  }

  /** The flow of a connection that the listener has accepted, by the socket's `remoteAddress` and `remotePort`. */
  flowOf(remoteAddress: string, remotePort: number): TcpFlow | undefined {
    const firstSlot = this.#firstSlotOfPeer.get(canonicalIpText(remoteAddress) ?? '');
    return firstSlot === undefined || remotePort < firstNatPort
      ? undefined
      : this.#tcpFlows.get(firstSlot + remotePort - firstNatPort);
  }

  /** Sends a datagram to a program on the laptop. @returns false where it is too large or the device did not take it. */
  sendUdp(from: Endpoint, to: Endpoint, payload: Uint8Array): boolean {
    const source = ipToBytes(from.ip);
    if (payload.length > maxUdpPayloadBytes(source.length)) return false;
    const { scratch } = this.#writer;
    const destination = ipToBytes(to.ip);
    const length = writeUdpPacket(scratch, { source, sourcePort: from.port, destination, destinationPort: to.port, payload });
    return this.#writer.write(scratch, length);
  }

  /** Answers a datagram that a program sent from `source` to `destination` with ICMP port unreachable. */
  unreachableUdp(source: Endpoint, destination: Endpoint): void {
    writeUdpUnreachable(this.#writer, source, destination);
  }

  stats(): NatStats {
    return {
      ...this.#shared.counterValues(),
      heldTcpFlows: this.#tcpFlows.size,
      udpFlows: this.#udpFlows.size,
      udpFlowsRefused: this.#udpFlows.refused,
      connectionWriteErrors: this.#writer.writeErrors,
    };
  }

  #requestStop(): void {
    this.#shared.requestStop();
    this.#wakeEvent?.wake();
  }

  #handleBatch(batch: ArrayBuffer): void {
    this.#shared.addBytesUnderWay(-batch.byteLength);
    if (this.#shared.isStopRequested) return;
    for (const event of readEvents(batch)) {
      try {
        this.#handleEvent(event);
      } catch (error) {
        this.#logger.error('Could not handle a packet', { event: event.kind, error: AppError.from(error).toData() });
      }
    }
  }

  #handleEvent(event: NatEvent): void {
    switch (event.kind) {
      case 'flow-opened':
        return this.#openFlow(event);
      case 'flow-gone': {
        const flow = this.#tcpFlows.get(event.slot);
        return flow?.generation === event.generation ? flow.markGone() : undefined;
      }
      case 'datagram':
        return this.#reader.read(event.packet, event.packet.length) ? this.#udpFlows.take(this.#reader, event.packet) : undefined;
      case 'echo':
        return this.#handleEcho(Buffer.from(event.packet));
    }
  }

  #openFlow(event: NatEvent): void {
    const { slot, generation } = event;
    const flow = new HeldTcpFlow({
      id: this.#nextFlowId,
      slot,
      generation,
      syn: Uint8Array.from(event.packet),
      redirected: this.#redirectedEndpoints(slot),
      shared: this.#shared,
      writer: this.#writer,
      accepted: (ip) => this.#echoPolicy.noteAccepted(ip),
      released: () => {
        if (this.#tcpFlows.get(slot) === flow) this.#tcpFlows.delete(slot);
      },
    });
    this.#nextFlowId += 1;
    this.#tcpFlows.set(slot, flow);
    this.#handlers.onTcpFlow(flow);
  }

  #redirectedEndpoints(slot: number): TcpEndpoints {
    const { ipv4, ipv6 } = this.#config;
    const family = ipv6 !== undefined && slot >= ipv6.slotBase ? ipv6 : ipv4;
    const familySlot = slot - family.slotBase;
    const source = family.peers[Math.floor(familySlot / natPortsPerPeer)];
    if (source === undefined) throw new RangeError(`No peer for slot ${slot}`);
    const sourcePort = firstNatPort + (familySlot % natPortsPerPeer);
    return { source, sourcePort, destination: family.interfaceAddress, destinationPort: family.listenerPort };
  }

  #handleEcho(packet: Buffer): void {
    const reader = new IpPacketReader();
    if (!reader.read(packet, packet.length)) return;
    const { scratch } = this.#writer;
    const destination = destinationIp(reader, packet);
    const reply = (): void => void this.#writer.write(scratch, writeEchoReply(scratch, reader, packet));
    const unreachable = (): void => void this.#writer.write(scratch, writeUnreachable(scratch, reader, packet, 'host'));
    if (this.#handlers.onIcmpEcho !== undefined) {
      this.#handlers.onIcmpEcho({ source: sourceIp(reader, packet), destination, reply, unreachable });
    } else if (this.#echoPolicy.shouldAnswer(destination)) {
      reply();
    }
  }

  #loseDevice(error: AppError): void {
    if (this.#isDeviceGone || this.#shared.isStopRequested) return;
    this.#isDeviceGone = true;
    this.#handlers.onDeviceGone(error);
  }

  #families(): readonly NatFamilyConfig[] {
    return this.#config.ipv6 === undefined ? [this.#config.ipv4] : [this.#config.ipv4, this.#config.ipv6];
  }
}

/** The bundle has the packet thread's own bundle beside it. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './nat-worker.ts' : './nat-worker.js', import.meta.url);
}

function failure(message: string, reason?: string): AppError {
  return new AppError({ code: 'interface.failed', message, ...(reason === undefined ? {} : { reason }) });
}
