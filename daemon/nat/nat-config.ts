import { formatIp, ipToBytes, parseIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { natPortsPerPeer } from './flow-table.ts';

export interface NatInterface {
  /** The interface's own address, where the caller listens. */
  readonly interfaceAddress: string;
  /** Addresses inside the interface's subnet that nobody has; each gives 64,512 NAT ports. */
  readonly peers: readonly string[];
}

export interface NatOptions {
  /** Non-blocking descriptor of a TUN device without packet information (IFF_NO_PI). The caller opens and, after `stop`, closes it. */
  readonly tunFd: number;
  readonly ipv4: NatInterface;
  readonly ipv6?: NatInterface;
  /** Where the caller listens on the interface addresses. */
  readonly listenerPortV4: number;
  readonly listenerPortV6?: number;
  /** Pending and open flows of both families; a SYN beyond that is refused. Default 16,384. */
  readonly maxTcpFlows?: number;
  /** Default 4,096; a datagram of a new flow beyond that is dropped. */
  readonly maxUdpFlows?: number;
  /** A TCP flow without a packet for so long ends. Default 2 h, which is also the cluster side's. */
  readonly tcpIdleMs?: number;
  /** Default 60 s; flows to port 53 end after 5 s. */
  readonly udpIdleMs?: number;
  /** A held SYN that nobody decides about is forgotten. Default 30 s. */
  readonly pendingMs?: number;
  readonly logger: Logger;
}

/** One family's addresses as the packet thread needs them: 4 or 16 bytes each. */
export interface NatFamilyConfig {
  readonly interfaceAddress: Uint8Array;
  readonly peers: readonly Uint8Array[];
  readonly listenerPort: number;
  /** Number of the family's first slot in the shared state. */
  readonly slotBase: number;
}

/** What the packet thread is told when it starts; made of values that can be cloned. */
export interface NatConfig {
  readonly ipv4: NatFamilyConfig;
  readonly ipv6: NatFamilyConfig | undefined;
  readonly maxTcpFlows: number;
  readonly tcpIdleSeconds: number;
  readonly pendingSeconds: number;
}

/** Checks the options and fills in the defaults. */
export function natConfig(options: NatOptions): NatConfig {
  const ipv4 = familyConfig(4, options.ipv4, options.listenerPortV4, 0);
  const { ipv6 } = options;
  return {
    ipv4,
    ipv6: ipv6 === undefined ? undefined : familyConfig(6, ipv6, options.listenerPortV6, ipv4.peers.length * natPortsPerPeer),
    maxTcpFlows: options.maxTcpFlows ?? 16_384,
    tcpIdleSeconds: Math.ceil((options.tcpIdleMs ?? 7_200_000) / 1_000),
    pendingSeconds: Math.ceil((options.pendingMs ?? 30_000) / 1_000),
  };
}

/** Number of slots of both families. */
export function slotCountOf(config: NatConfig): number {
  return natPortsPerPeer * (config.ipv4.peers.length + (config.ipv6?.peers.length ?? 0));
}

/** An address as sockets and users may write it, in canonical text; an IPv4 address inside IPv6 as IPv4. */
export function canonicalIpText(text: string): string | undefined {
  const ip = parseIp(text.startsWith('::ffff:') && text.includes('.') ? text.slice('::ffff:'.length) : text);
  return ip === undefined ? undefined : formatIp(ip);
}

function familyConfig(family: 4 | 6, options: NatInterface, listenerPort: number | undefined, slotBase: number): NatFamilyConfig {
  if (listenerPort === undefined) throw invalid(`No listener port for IPv${family}`);
  if (options.peers.length === 0) throw invalid(`No peer address for IPv${family}`);
  const peers = options.peers.map((peer) => addressBytes(family, peer));
  return { interfaceAddress: addressBytes(family, options.interfaceAddress), peers, listenerPort, slotBase };
}

function addressBytes(family: 4 | 6, text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip?.family !== family) throw invalid(`Not an IPv${family} address: ${text}`);
  return ipToBytes(ip);
}

function invalid(message: string): AppError {
  return new AppError({ code: 'internal', message });
}
