import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { type Cidr, formatCidr, overlaps, parseCidr } from '#base/common/cidr.ts';
import { formatIp, type IpAddress } from '#base/common/ip.ts';
import type { Logger, LogLevel } from '#base/common/log.ts';
import { waitForHelper } from '#base/node/helper-launch.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DnsHookMode } from '#protocol/helper/helper-api.ts';
import { DataPath, type DataPathOptions } from '../data-path/data-path.ts';
import { HelperClient } from '../helper-client/helper-client.ts';
import { type HostRoute, readHostRoutes } from '../routing/host-routes.ts';
import { answeringProbes, type ProbeResult, probeInterface } from './interface-probe.ts';

/** Whoever connects starts the helper at the same time; it listens within a fraction of a second. */
const helperStartMs = 3_000;

/** A firewall that drops says nothing; the first repetition of a lost packet comes after 1 s. */
const probeTimeoutMs = 2_000;

export interface LaptopNetworkOptions extends Pick<DataPathOptions, 'dialer' | 'realOf' | 'dialTimeoutMs'> {
  readonly helperSocket: string;
  /** The helper lives in a network namespace of its own, where nobody else has routes or listens. */
  readonly isIsolated: boolean;
  readonly logger: Logger;
  /** The helper went away or the device was removed: everything here is void and has to be made anew. */
  readonly onLost: (reason: AppError) => void;
}

/** Bound to port 53 of the interface's address. */
export interface DnsSockets {
  readonly udpFd: number;
  readonly tcpFd: number;
}

export interface DnsHook {
  readonly mode: DnsHookMode;
  readonly formerServers: readonly string[];
  readonly search: readonly string[];
}

/**
 * Interfaces take their addresses from the range for benchmarks of networks (RFC 2544), which nothing routes: a /29 each, so that four
 * peers times 64,512 ports are there for NAT, which a thousand connections a second use up in four minutes.
 */
const addressPool = { prefix: '198.18', size: 8, peers: 4 };

/** A /112 each of one unique local prefix (RFC 4193) with random bits of our own. */
const ipv6Prefix = 'fd7c:e51e:9a0f';

/** Outside the kernel's range for ordinary programs (32768–60999), so that a redirect can leave exactly these alone. */
const firstExemptPort = 16_384;
const exemptPortCount = 64;

/**
 * The redirect of one connection leaves the questions of the first four alone, for each of its own would end at the other. More is no
 * better: where a system's programs take such ports, too, their questions are left alone as well.
 */
const connectionsAtOnce = 4;

/** What all interfaces together may have of them. */
export const exemptPortRange = { first: firstExemptPort, last: firstExemptPort + 256 * exemptPortCount - 1 };

/** The laptop's side of a connection: interface, packets, routes and DNS hook, all on one lease of the helper. */
export class LaptopNetwork {
  readonly interfaceName: string;
  readonly address: string;
  readonly addresses: readonly string[];
  readonly exemptPorts: { readonly first: number; readonly last: number };
  /** A process in the namespaces of the interface. */
  readonly helperPid: number;
  readonly #isIsolated: boolean;
  readonly #helper: HelperClient;
  readonly #dataPath: DataPath;
  readonly #tunFd: number;
  readonly #probeAddresses: readonly string[];
  #dnsSockets: DnsSockets | undefined;
  #closed: Promise<void> | undefined;
  readonly #expectEnd: () => void;

  private constructor(fields: {
    interfaceName: string;
    block: AddressBlock;
    dnsSockets: DnsSockets;
    helper: HelperClient;
    dataPath: DataPath;
    tunFd: number;
    probeAddresses: readonly string[];
    isIsolated: boolean;
    expectEnd: () => void;
  }) {
    this.helperPid = fields.helper.pid;
    this.#isIsolated = fields.isIsolated;
    this.interfaceName = fields.interfaceName;
    this.address = fields.block.ipv4.interfaceAddress;
    this.addresses = fields.block.cidrs;
    this.exemptPorts = fields.block.exemptPorts;
    this.#dnsSockets = fields.dnsSockets;
    this.#helper = fields.helper;
    this.#dataPath = fields.dataPath;
    this.#tunFd = fields.tunFd;
    this.#probeAddresses = fields.probeAddresses;
    this.#expectEnd = fields.expectEnd;
  }

  /** Takes a lease of the helper and has the interface made; packets flow from then on. */
  static async open(options: LaptopNetworkOptions, signal: AbortSignal): Promise<LaptopNetwork> {
    await waitForHelper(options.helperSocket, helperStartMs, signal);
    const helper = await HelperClient.connect(options.helperSocket, { signal });
    const descriptors: number[] = [];
    try {
      const block = freeAddressBlock(options.isIsolated ? await familiesOnly() : await readHostRoutes());
      const made = await helper.call('createInterface', {
        mtu: 65_535,
        ipv4: block.cidrs[0] ?? '',
        ...(block.cidrs[1] === undefined ? {} : { ipv6: block.cidrs[1] }),
        ...(options.isIsolated ? { withListeners: true as const } : {}),
      });
      descriptors.push(...(await helper.claim(made.claim)));
      const [tunFd, udpFd, tcpFd, ipv4Fd, ipv6Fd] = descriptors;
      if (tunFd === undefined || udpFd === undefined || tcpFd === undefined) {
        throw new AppError({ code: 'interface.failed', message: 'The helper handed over fewer descriptors than it should' });
      }
      let isOver = false;
      const expectEnd = () => (isOver = true);
      const lost = (reason: AppError) => {
        if (isOver) return;
        isOver = true;
        options.logger.warn('The interface is lost', { error: reason.toData() });
        options.onLost(reason);
      };
      const ipv6 = made.withoutIpv6 === true ? undefined : block.ipv6;
      const probeAddresses = [block.ipv4.probeAddress, ...(ipv6 === undefined ? [] : [ipv6.probeAddress])];
      const dataPath = new DataPath({
        ...options,
        dialer: answeringProbes(options.dialer, probeAddresses),
        tunFd,
        ipv4: block.ipv4,
        ...(ipv4Fd === undefined ? {} : { listeners: { ipv4: ipv4Fd, ipv6: ipv6Fd } }),
        ...(ipv6 === undefined ? {} : { ipv6 }),
        onDeviceGone: lost,
      });
      await dataPath.start();
      void helper.closed.then(() => lost(helperGone()));
      return new LaptopNetwork({
        interfaceName: made.name,
        block,
        dnsSockets: { udpFd, tcpFd },
        helper,
        dataPath,
        tunFd,
        probeAddresses,
        isIsolated: options.isIsolated,
        expectEnd,
      });
    } catch (error) {
      for (const descriptor of descriptors) closeSync(descriptor);
      await helper.close();
      throw error;
    }
  }

  /** Hands the DNS sockets over, once, to whoever closes them from then on. */
  takeDnsSockets(): DnsSockets {
    const sockets = this.#dnsSockets;
    if (sockets === undefined) throw new Error('The DNS sockets have been taken');
    this.#dnsSockets = undefined;
    return sockets;
  }

  async setRoutes(routes: readonly Cidr[], reserved: readonly IpAddress[]): Promise<void> {
    await this.#helper.call('setRoutes', {
      interface: this.interfaceName,
      routes: routes.map(formatCidr),
      reserved: reserved.map(formatIp),
    });
  }

  async setHelperLogLevel(level: LogLevel): Promise<void> {
    await this.#helper.call('setLogLevel', { level });
  }

  async setDns(domains: readonly string[], modes: readonly DnsHookMode[]): Promise<DnsHook> {
    return await this.#helper.call('setDns', {
      interface: this.interfaceName,
      domains: [...domains],
      exemptPorts: {
        first: firstExemptPort,
        last: Math.max(this.exemptPorts.last, firstExemptPort + connectionsAtOnce * exemptPortCount - 1),
      },
      modes: [...modes],
    });
  }

  /**
   * Connects to a program in the network namespace of the interface, where that is not the daemon's.
   *
   * @throws AppError `not-found` where nothing listens.
   */
  async dialInside(address: string, port: number): Promise<Socket> {
    const { claim } = await this.#helper.call('connectTcp', { address, port });
    const [fd] = await this.#helper.claim(claim);
    return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
  }

  /** Whether connections of programs arrive. In namespaces of its own nothing is in their way. */
  async verifyTcp(): Promise<ProbeResult> {
    return this.#isIsolated ? { ok: true } : await probeInterface(this.#probeAddresses, probeTimeoutMs);
  }

  /** Gives the laptop back what it had. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#expectEnd();
    this.#dataPath.endConnections();
    try {
      await this.#helper.call('deleteInterface', { interface: this.interfaceName });
    } catch {
      // A helper that is gone undoes it when it is started again.
    }
    await this.#dataPath.stop();
    closeSync(this.#tunFd);
    if (this.#dnsSockets !== undefined) {
      closeSync(this.#dnsSockets.udpFd);
      closeSync(this.#dnsSockets.tcpFd);
    }
    // What it has made is this connection's alone.
    if (this.#isIsolated) await this.#helper.call('quit', {}).catch(() => undefined);
    await this.#helper.close();
  }
}

interface FamilyBlock {
  readonly interfaceAddress: string;
  readonly peers: readonly string[];
  /** Nobody's: the daemon answers for it, to see whether connections arrive. */
  readonly probeAddress: string;
}

interface AddressBlock {
  readonly cidrs: readonly string[];
  readonly ipv4: FamilyBlock;
  readonly ipv6: FamilyBlock | undefined;
  readonly exemptPorts: { readonly first: number; readonly last: number };
}

/** The first block that none of the laptop's routes touches. */
function freeAddressBlock(routes: readonly HostRoute[]): AddressBlock {
  const hasIpv6 = routes.some(({ cidr }) => cidr.family === 6);
  for (let index = 0; index < 256; index += 1) {
    const base = (index % 32) * addressPool.size;
    const prefix = `${addressPool.prefix}.${Math.floor(index / 32)}`;
    const cidr = parseCidr(`${prefix}.${base}/29`);
    if (cidr === undefined || routes.some((route) => route.cidr.prefix > 1 && overlaps(route.cidr, cidr))) continue;
    const ipv6Base = index === 0 ? `${ipv6Prefix}::` : `${ipv6Prefix}:${index.toString(16)}::`;
    const first = firstExemptPort + index * exemptPortCount;
    return {
      cidrs: [`${prefix}.${base + 1}/29`, ...(hasIpv6 ? [`${ipv6Base}1/112`] : [])],
      ipv4: {
        interfaceAddress: `${prefix}.${base + 1}`,
        peers: Array.from({ length: addressPool.peers }, (_, offset) => `${prefix}.${base + 2 + offset}`),
        probeAddress: `${prefix}.${base + 2 + addressPool.peers}`,
      },
      ipv6: hasIpv6 ? { interfaceAddress: `${ipv6Base}1`, peers: [`${ipv6Base}2`], probeAddress: `${ipv6Base}3` } : undefined,
      exemptPorts: { first, last: first + exemptPortCount - 1 },
    };
  }
  throw new AppError({
    code: 'interface.failed',
    message: 'No addresses are left for another interface',
    reason: 'Routes of this laptop, or other connections, take all of 198.18.0.0/21',
  });
}

/** Routes that are in nobody's way, and say whether the laptop has IPv6. */
async function familiesOnly(): Promise<HostRoute[]> {
  return (await readHostRoutes()).filter(({ cidr }) => cidr.prefix === 0);
}

function helperGone(): AppError {
  return new AppError({
    code: 'helper.not-running',
    message: 'The privileged helper has ended',
    reason: 'Interface and DNS of the connection were its work',
    remedies: [{ label: 'Start it again', command: 'telepresence connect' }],
  });
}
