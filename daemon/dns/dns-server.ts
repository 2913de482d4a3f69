import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type IpAddress, ipToBytes, parseIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { dnsRcode, dnsType } from '#net/dns/constants.ts';
import { literalLookup } from '#net/dns/literal-lookup.ts';
import { rawRecord } from '#net/dns/wire.ts';
import { type ClusterLookup, ClusterResolver } from './cluster-resolver.ts';
import { ExpiringCache } from './expiring-cache.ts';
import { FormerResolver } from './former-resolver.ts';
import type { PortRange } from './former-server.ts';
import { parseQuery, type Query, udpLimit, writeRefusal, writeResponse } from './message.ts';
import { type DnsPeer, PeerResolver } from './peer-resolver.ts';
import { Responder, type Response, translateAddresses } from './responder.ts';
import { type DnsPolicy, preparePolicy } from './route.ts';
import { TcpListener } from './tcp-listener.ts';

/** What may change while the server runs. */
export interface DnsSettings extends DnsPolicy {
  readonly lookupTimeoutMs: number;
  /** Resolvers that were in use before: `address` or `address:port`. */
  readonly formerServers: readonly string[];
  /** Of the laptop's other connections, in the order in which they are asked. Default: none. */
  readonly peers?: readonly DnsPeer[];
  /** Where virtual addresses are in use: the one to give out for an address of the cluster. */
  rewriteAddress?(address: IpAddress): IpAddress | undefined;
}

export interface DnsOptions extends DnsSettings {
  /** A bound UDP and a listening TCP socket. They belong to the server from `start` on. */
  readonly udpFd?: number;
  readonly tcpFd?: number;
  /** Instead of descriptors; port 0 takes a free one. */
  readonly listen?: { readonly address: string; readonly port: number };
  readonly exemptPorts: PortRange;
  readonly cluster: ClusterLookup;
  readonly logger: Logger;
}

export interface DnsStats {
  readonly queries: number;
  /** Answered with the same bytes as before, or from cached records. */
  readonly cacheHits: number;
  readonly clusterLookups: number;
  readonly clusterFailures: number;
  readonly formerQueries: number;
  readonly formerFailures: number;
  /** Messages that are not questions, or not readable. */
  readonly malformed: number;
  readonly inFlight: number;
  /** Why the latest look-up in the cluster failed; absent when it worked. */
  readonly lastClusterError?: string;
}

/** Names of our own checks start with these; they are answered here, whatever the policy says. */
const verificationPrefix = 'tel2-verify-';
const recursionPrefix = 'tel2-recursion-check-';

const maxCachedPackets = 4_096;
/** A longer query is cached by its name only. */
const maxCachedQueryBytes = 512;
const maxInFlight = 2_048;

/** The DNS server of a connection: UDP and TCP on the interface's address. */
export class DnsServer {
  readonly #options: DnsOptions;
  readonly #logger: Logger;
  readonly #cluster: ClusterResolver;
  readonly #former: FormerResolver;
  readonly #peers: PeerResolver;
  readonly #responder: Responder;
  readonly #tcp: TcpListener;
  /** Whole answers by whole UDP queries, both without the id. */
  readonly #packets = new ExpiringCache<Buffer>(maxCachedPackets);
  readonly #arrivals = new Map<string, () => void>();
  readonly #counters = { queries: 0, packetHits: 0, malformed: 0 };
  #settings: DnsSettings;
  #udp: Socket | undefined;
  #inFlight = 0;
  #generation = 0;

  constructor(options: DnsOptions) {
    this.#options = options;
    this.#settings = options;
    this.#logger = options.logger;
    this.#cluster = new ClusterResolver(options.cluster, this.#logger, (records) =>
      translateAddresses(records, (address) => this.#settings.rewriteAddress?.(address)),
    );
    this.#former = new FormerResolver(options.exemptPorts, this.#logger);
    this.#former.setServers(options.formerServers, options.serverAddress);
    this.#peers = new PeerResolver(options.exemptPorts, this.#logger);
    this.#peers.setPeers(options.peers ?? []);
    this.#responder = new Responder(preparePolicy(options), options.lookupTimeoutMs, {
      cluster: this.#cluster,
      former: this.#former,
      peers: this.#peers,
    });
    this.#tcp = new TcpListener(
      (message, from) => this.#answer(message, 'tcp', from).then((response) => response?.bytes),
      this.#logger,
    );
  }

  /** Resolves when questions are answered. */
  async start(): Promise<void> {
    const { udpFd, tcpFd, listen } = this.#options;
    if (tcpFd !== undefined) await this.#tcp.start({ fd: tcpFd });
    else if (listen !== undefined) await this.#tcp.start({ host: listen.address, port: listen.port });
    const family = parseIp(listen?.address ?? '')?.family ?? 4;
    if (udpFd === undefined && listen === undefined) return;
    const udp = createSocket({ type: family === 4 ? 'udp4' : 'udp6', lookup: literalLookup });
    this.#udp = udp;
    // The event comes at once, since no name is looked up.
    const listening = once(udp, 'listening');
    if (udpFd !== undefined) udp.bind({ fd: udpFd });
    else udp.bind({ address: listen?.address ?? '', port: listen?.port === 0 ? this.#tcp.port : (listen?.port ?? 0) });
    await listening;
    udp.on('error', (error) => this.#logger.warn('The UDP socket failed', { reason: error.message }));
    udp.on('message', (message, from) => this.#onUdp(udp, message, from));
  }

  /** Address that questions are taken on over UDP; TCP has the same, unless descriptors say otherwise. */
  address(): { readonly address: string; readonly port: number } | undefined {
    return this.#udp?.address();
  }

  /** Changes what is given; every cached answer is forgotten. */
  update(changes: Partial<DnsSettings>): void {
    this.#settings = { ...this.#settings, ...changes };
    if (changes.formerServers !== undefined || changes.serverAddress !== undefined) {
      this.#former.setServers(this.#settings.formerServers, this.#settings.serverAddress);
    }
    if (changes.peers !== undefined) this.#peers.setPeers(changes.peers);
    this.#responder.policy = preparePolicy(this.#settings);
    this.#responder.lookupTimeoutMs = this.#settings.lookupTimeoutMs;
    this.flush();
  }

  /** Forgets every cached answer. */
  flush(): void {
    this.#generation += 1;
    this.#packets.clear();
    this.#cluster.flush();
  }

  stats(): DnsStats {
    const { cacheHits, lookups, failures } = this.#cluster.counters;
    const lastError = this.#cluster.lastError;
    return {
      queries: this.#counters.queries,
      cacheHits: this.#counters.packetHits + cacheHits,
      clusterLookups: lookups,
      clusterFailures: failures,
      formerQueries: this.#former.counters.queries,
      formerFailures: this.#former.counters.failures,
      malformed: this.#counters.malformed,
      inFlight: this.#inFlight,
      ...(lastError === undefined ? {} : { lastClusterError: lastError }),
    };
  }

  /** A name below `domain` that nobody has asked for yet, and the event of its being asked for here. */
  expectQuestion(domain: string): Disposable & { readonly name: string; readonly arrived: Promise<void> } {
    const { name, arrived, forget } = this.#expect(verificationPrefix, domain);
    return { name, arrived, [Symbol.dispose]: forget };
  }

  /**
   * Whether the cluster's DNS passes names that it does not know on to this server, as clusters on the laptop itself do. If so, a name
   * that comes back while the cluster is asked for it goes to the former resolver instead of around again.
   */
  async detectRecursion(): Promise<boolean> {
    const { name, arrived, forget } = this.#expect(recursionPrefix, 'kube-system');
    const isBack = await Promise.race([
      arrived.then(() => true),
      this.#cluster.resolve(name, dnsType.a, this.#settings.lookupTimeoutMs).then(() => false),
    ]);
    forget();
    this.#responder.isRecursing = isBack;
    if (isBack) this.#logger.info('The DNS of the cluster asks this laptop; circles are broken');
    return isBack;
  }

  async stop(): Promise<void> {
    this.#cluster.stop();
    await Promise.all([this.#tcp.stop(), this.#former.stop(), this.#peers.stop(), this.#closeUdp()]);
    this.#packets.clear();
  }

  async #closeUdp(): Promise<void> {
    const udp = this.#udp;
    this.#udp = undefined;
    if (udp === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    udp.close(() => resolve());
    await promise;
  }

  #onUdp(udp: Socket, message: Buffer, from: RemoteInfo): void {
    const key = message.length <= maxCachedQueryBytes ? message.toString('latin1', 2) : undefined;
    const cached = key === undefined ? undefined : this.#packets.get(key, performance.now());
    if (cached !== undefined) {
      this.#counters.queries += 1;
      this.#counters.packetHits += 1;
      // A copy: an earlier send of the same bytes may still be queued.
      const response = Buffer.from(cached);
      message.copy(response, 0, 0, 2);
      udp.send(response, from.port, from.address);
      return;
    }
    void this.#answer(message, 'udp', from).then((response) => {
      if (response === undefined || this.#udp !== udp) return;
      if (key !== undefined && response.reusableUntil > performance.now())
        this.#packets.set(key, response.bytes, response.reusableUntil);
      udp.send(response.bytes, from.port, from.address);
    });
  }

  /** Never rejects; `undefined` for what gets no answer. */
  async #answer(
    message: Buffer,
    transport: 'udp' | 'tcp',
    from: { readonly address: string; readonly port: number },
  ): Promise<Response | undefined> {
    this.#counters.queries += 1;
    const parsed = parseQuery(message);
    if (parsed.kind !== 'query') {
      this.#counters.malformed += 1;
      return parsed.kind === 'ignored' ? undefined : { bytes: writeRefusal(message, parsed.rcode), reusableUntil: 0 };
    }
    const { query } = parsed;
    const isPeer = this.#peers.hasPeers && this.#peers.isPeer(from, this.address()?.address);
    if (query.name.startsWith('tel2-')) {
      const own = await this.#answerOwn(query, isPeer);
      if (own !== undefined) return { bytes: own, reusableUntil: 0 };
    }
    if (this.#inFlight >= maxInFlight) return { bytes: writeRefusal(message, dnsRcode.serverFailure), reusableUntil: 0 };
    this.#inFlight += 1;
    const generation = this.#generation;
    try {
      const { reusableUntil, ...response } = isPeer
        ? await this.#responder.respondToPeer(query, transport)
        : await this.#responder.respond(query, transport);
      return { ...response, reusableUntil: generation === this.#generation ? reusableUntil : 0 };
    } catch (error) {
      this.#logger.warn('A question could not be answered', { name: query.name, reason: String(error) });
      return { bytes: writeResponse(query, dnsRcode.serverFailure, [], 512), reusableUntil: 0 };
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #answerOwn(query: Query, isPeer: boolean): Promise<Buffer | undefined> {
    if (query.name.startsWith(recursionPrefix)) {
      this.#arrivals.get(query.name)?.();
      return writeResponse(query, dnsRcode.nameError, [], udpLimit(query));
    }
    const arrived = this.#arrivals.get(query.name);
    if (arrived === undefined) {
      if (!query.name.startsWith(verificationPrefix)) return undefined;
      // Another connection's check, or the second half of one that has already succeeded.
      const found = isPeer || !this.#peers.hasPeers ? undefined : (await this.#peers.ask(query.bytes, 'udp')).found;
      return found ?? writeResponse(query, dnsRcode.nameError, [], udpLimit(query));
    }
    arrived();
    const own = parseIp(this.#settings.serverAddress);
    const isOwnType = own !== undefined && query.type === (own.family === 4 ? dnsType.a : dnsType.aaaa);
    const records = isOwnType ? [rawRecord(query.name, query.type, 0, Buffer.from(ipToBytes(own)))] : [];
    return writeResponse(query, dnsRcode.noError, records, udpLimit(query));
  }

  #expect(prefix: string, domain: string): { name: string; arrived: Promise<void>; forget: () => void } {
    const name = `${prefix}${randomBytes(6).toString('hex')}.${domain}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#arrivals.set(name, resolve);
    return { name, arrived: promise, forget: () => this.#arrivals.delete(name) };
  }
}
