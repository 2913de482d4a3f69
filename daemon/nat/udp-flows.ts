import { ipToBytes } from '#base/common/ip.ts';
import { writeUnreachable } from '#net/packet/icmp.ts';
import { destinationIp, IpPacketReader, readUint16, sourceIp } from '#net/packet/ip-packet.ts';
import { maxUdpPayloadBytes, udpHeaderBytes, udpPayloadEnd, writeUdpPacket } from '#net/packet/udp.ts';
import type { Endpoint, UdpFlow } from './flows.ts';
import type { PacketWriter } from './packet-writer.ts';

export interface UdpFlowsOptions {
  readonly maxFlows: number;
  readonly idleMs: number;
  readonly writer: PacketWriter;
  onDatagram(flow: UdpFlow, payload: Buffer): void;
}

/** Idle time of look-ups, which are over with their answer. */
const dnsIdleMs = 5_000;
const sweepIntervalMs = 1_000;

/** The UDP flows by 4-tuple. They begin with a datagram from the laptop and end by idle time or when the caller releases them. */
export class UdpFlows {
  readonly #options: UdpFlowsOptions;
  readonly #flows = new Map<string, TrackedUdpFlow>();
  #sweep: NodeJS.Timeout | undefined;
  #nextId = 1;
  #refused = 0;

  constructor(options: UdpFlowsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Datagrams of new flows that were dropped because there were too many. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes a datagram from the laptop that `reader` has read. */
  take(reader: IpPacketReader, packet: Buffer): void {
    const end = udpPayloadEnd(reader, packet);
    if (end === undefined) return;
    const { addressesOffset, transportOffset } = reader;
    const addressesEnd = addressesOffset + 2 * reader.addressBytes;
    const key =
      packet.toString('latin1', addressesOffset, addressesEnd) + packet.toString('latin1', transportOffset, transportOffset + 4);
    const flow = this.#flows.get(key) ?? this.#begin(key, reader, packet);
    if (flow === undefined) return;
    flow.touch();
    this.#options.onDatagram(flow, packet.subarray(transportOffset + udpHeaderBytes, end));
  }

  /** Forgets all flows without calling anyone. */
  clear(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    this.#flows.clear();
  }

  #begin(key: string, reader: IpPacketReader, packet: Buffer): TrackedUdpFlow | undefined {
    if (this.#flows.size >= this.#options.maxFlows) {
      this.#refused += 1;
      return undefined;
    }
    const source = { ip: sourceIp(reader, packet), port: readUint16(packet, reader.transportOffset) };
    const destination = { ip: destinationIp(reader, packet), port: readUint16(packet, reader.transportOffset + 2) };
    const idleMs = destination.port === 53 ? Math.min(dnsIdleMs, this.#options.idleMs) : this.#options.idleMs;
    const flow = new TrackedUdpFlow(this.#nextId, source, destination, idleMs, this.#options.writer, () =>
      this.#forget(key, flow),
    );
    this.#nextId += 1;
    this.#flows.set(key, flow);
    this.#sweep ??= setInterval(() => this.#endIdleFlows(), Math.min(sweepIntervalMs, this.#options.idleMs)).unref();
    return flow;
  }

  #forget(key: string, flow: TrackedUdpFlow): void {
    if (this.#flows.get(key) !== flow) return;
    this.#flows.delete(key);
    if (this.#flows.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #endIdleFlows(): void {
    const now = performance.now();
    for (const flow of this.#flows.values()) {
      if (flow.isIdleAt(now)) flow.endIdle();
    }
  }
}

class TrackedUdpFlow implements UdpFlow {
  readonly id: number;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly #sourceBytes: Uint8Array;
  readonly #destinationBytes: Uint8Array;
  readonly #idleMs: number;
  readonly #writer: PacketWriter;
  readonly #forget: () => void;
  #lastUsedMs = performance.now();
  #idleListener: (() => void) | undefined;

  constructor(id: number, source: Endpoint, destination: Endpoint, idleMs: number, writer: PacketWriter, forget: () => void) {
    this.id = id;
    this.source = source;
    this.destination = destination;
    this.#sourceBytes = ipToBytes(source.ip);
    this.#destinationBytes = ipToBytes(destination.ip);
    this.#idleMs = idleMs;
    this.#writer = writer;
    this.#forget = forget;
  }

  send(payload: Uint8Array): boolean {
    if (payload.length > maxUdpPayloadBytes(this.#sourceBytes.length)) return false;
    this.touch();
    const { scratch } = this.#writer;
    const length = writeUdpPacket(scratch, {
      source: this.#destinationBytes,
      sourcePort: this.destination.port,
      destination: this.#sourceBytes,
      destinationPort: this.source.port,
      payload,
    });
    return this.#writer.write(scratch, length);
  }

  unreachable(): void {
    writeUdpUnreachable(this.#writer, this.source, this.destination);
  }

  released(): void {
    this.#idleListener = undefined;
    this.#forget();
  }

  onIdle(listener: () => void): void {
    this.#idleListener = listener;
  }

  touch(): void {
    this.#lastUsedMs = performance.now();
  }

  isIdleAt(nowMs: number): boolean {
    return nowMs - this.#lastUsedMs >= this.#idleMs;
  }

  endIdle(): void {
    const listener = this.#idleListener;
    this.released();
    listener?.();
  }
}

/**
 * Writes the ICMP error for a datagram from `source` to `destination`. Only addresses and ports of the datagram matter to whoever
 * receives the error, so an empty one stands for it.
 */
export function writeUdpUnreachable(writer: PacketWriter, source: Endpoint, destination: Endpoint): void {
  const datagram = new Uint8Array(64);
  const length = writeUdpPacket(datagram, {
    source: ipToBytes(source.ip),
    sourcePort: source.port,
    destination: ipToBytes(destination.ip),
    destinationPort: destination.port,
    payload: new Uint8Array(0),
  });
  const reader = new IpPacketReader();
  if (!reader.read(datagram, length)) return;
  writer.write(writer.scratch, writeUnreachable(writer.scratch, reader, datagram, 'port'));
}
