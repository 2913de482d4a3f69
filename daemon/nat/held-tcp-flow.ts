import type { IpAddress } from '#base/common/ip.ts';
import { writeUnreachable } from '#net/packet/icmp.ts';
import { destinationIp, IpPacketReader, readUint16, sourceIp } from '#net/packet/ip-packet.ts';
import { replaceTcpEndpoints, type TcpEndpoints, writeTcpReset } from '#net/packet/tcp.ts';
import type { Endpoint, TcpFlow } from './flows.ts';
import type { PacketWriter } from './packet-writer.ts';
import { type SharedState, slotAccepted, slotRejected } from './shared-state.ts';

export interface HeldTcpFlowOptions {
  readonly id: number;
  /** Number of the flow's slot in the shared state, and its generation. */
  readonly slot: number;
  readonly generation: number;
  /** The packet with the SYN; its bytes are the flow's from now on. */
  readonly syn: Uint8Array;
  /** What the SYN becomes when it is accepted. */
  readonly redirected: TcpEndpoints;
  readonly shared: SharedState;
  readonly writer: PacketWriter;
  accepted(destination: IpAddress): void;
  released(): void;
}

/** A flow as the connection thread sees it: the held SYN, and the decision about it. */
export class HeldTcpFlow implements TcpFlow {
  readonly id: number;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly generation: number;
  readonly #options: HeldTcpFlowOptions;
  readonly #reader = new IpPacketReader();
  #isGone = false;
  #goneListener: (() => void) | undefined;

  constructor(options: HeldTcpFlowOptions) {
    this.id = options.id;
    this.generation = options.generation;
    this.#options = options;
    if (!this.#reader.read(options.syn, options.syn.length)) throw new RangeError('A held SYN is a well-formed packet');
    const ports = this.#reader.transportOffset;
    this.source = { ip: sourceIp(this.#reader, options.syn), port: readUint16(options.syn, ports) };
    this.destination = { ip: destinationIp(this.#reader, options.syn), port: readUint16(options.syn, ports + 2) };
  }

  accept(): boolean {
    const { shared, slot, syn, redirected, writer } = this.#options;
    if (!shared.decide(slot, this.generation, slotAccepted)) return false;
    replaceTcpEndpoints(syn, this.#reader, redirected);
    writer.write(syn, this.#reader.end);
    this.#options.accepted(this.destination.ip);
    return true;
  }

  reject(how: 'refused' | 'unreachable'): void {
    const { shared, slot, syn, writer } = this.#options;
    if (!shared.decide(slot, this.generation, slotRejected)) return;
    const { scratch } = writer;
    const length =
      how === 'refused' ? writeTcpReset(scratch, this.#reader, syn) : writeUnreachable(scratch, this.#reader, syn, 'host');
    writer.write(scratch, length);
    this.released();
  }

  released(): void {
    this.#goneListener = undefined;
    this.#options.released();
  }

  onGone(listener: () => void): void {
    if (this.#isGone) listener();
    else this.#goneListener = listener;
  }

  /** The packet thread has ended the flow. */
  markGone(): void {
    this.#isGone = true;
    const listener = this.#goneListener;
    this.released();
    listener?.();
  }
}
