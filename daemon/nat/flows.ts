import type { IpAddress } from '#base/common/ip.ts';

export interface Endpoint {
  readonly ip: IpAddress;
  readonly port: number;
}

/**
 * A TCP connection that a program on the laptop has asked for. Its SYN is held until `accept` or `reject`; the first decision counts,
 * and one that comes after the program has given up does nothing.
 */
export interface TcpFlow {
  /** Unique among the flows of a `Nat`, increasing. */
  readonly id: number;
  /** The program's end. */
  readonly source: Endpoint;
  /** The cluster's end. */
  readonly destination: Endpoint;
  /**
   * Passes the SYN on: the listener gets a connection that `Nat.flowOf` assigns to this flow.
   *
   * @returns whether the program was still waiting.
   */
  accept(): boolean;
  /** Answers with a reset (the program sees ECONNREFUSED) or with ICMP host unreachable (EHOSTUNREACH). */
  reject(how: 'refused' | 'unreachable'): void;
  /** The caller is done with the flow and its socket: forgets it. */
  released(): void;
  /**
   * Calls back, once, when the flow has ended in a way that no socket tells: the program gave up before its connection was complete,
   * nobody decided in time, a new connection took its place, or it was idle too long. The caller ends the dial, and the socket if any.
   */
  onGone(listener: () => void): void;
}

/** Datagrams of a program on the laptop to and from one address and port: the same object for each of them. */
export interface UdpFlow {
  readonly id: number;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Sends a datagram back to the program. @returns false where it is too large or the device did not take it. */
  send(payload: Uint8Array): boolean;
  /** Tells the program that nobody listens at the destination: ICMP port unreachable, which it sees as ECONNREFUSED. */
  unreachable(): void;
  /** Forgets the flow; a later datagram begins another. */
  released(): void;
  /** Calls back, once, when the flow has been idle in both directions for its time. It is forgotten then. */
  onIdle(listener: () => void): void;
}

/** A ping to a routed address. It may be answered later, once or not at all. */
export interface IcmpEcho {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  reply(): void;
  /** ICMP host unreachable. */
  unreachable(): void;
}
