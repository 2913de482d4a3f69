import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cidr } from '#base/common/cidr.ts';
import { type IpAddress, parseIp } from '#base/common/ip.ts';
import type { Logger, LogLevel } from '#base/common/log.ts';
import { isHelperListening } from '#base/node/helper-launch.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { dnsHookModes } from '#protocol/helper/helper-api.ts';
import type { DataPathOptions } from '../data-path/data-path.ts';
import type { FlowDialer } from '../data-path/flow-dialer.ts';
import type { ClusterLookup } from '../dns/cluster-resolver.ts';
import { DnsServer, type DnsSettings } from '../dns/dns-server.ts';
import type { DnsPeer } from '../dns/peer-resolver.ts';
import { type DnsVerification, verifyDns } from '../dns/verify-dns.ts';
import { HelperClient } from '../helper-client/helper-client.ts';
import { lookUpInside } from '../rootless/look-up-inside.ts';
import type { ProbeResult } from './interface-probe.ts';
import { type DnsHook, exemptPortRange, LaptopNetwork, type LaptopNetworkOptions } from './laptop-network.ts';
import { type NameServerWatch, watchNameServers } from './watch-name-servers.ts';

/** What the laptop is to be like; changes are applied as they come. */
export interface WantedLaptop {
  readonly routes: readonly Cidr[];
  /** Addresses that must keep the way they have. */
  readonly reserved: readonly IpAddress[];
  /** Everything about DNS that does not depend on the laptop. */
  readonly dns: Omit<DnsSettings, 'serverAddress' | 'formerServers' | 'search'>;
  /** Domains for a resolver that can send some names here and others elsewhere. */
  readonly domains: readonly string[];
  readonly helperLogLevel: LogLevel;
  /** Instead of the name servers that were in use before; empty: those. */
  readonly formerServers: readonly string[];
}

/** What is used of the network here. */
export type Network = Pick<
  LaptopNetwork,
  | 'interfaceName'
  | 'helperPid'
  | 'address'
  | 'addresses'
  | 'exemptPorts'
  | 'takeDnsSockets'
  | 'dialInside'
  | 'setRoutes'
  | 'setDns'
  | 'setHelperLogLevel'
  | 'verifyTcp'
  | 'close'
>;

export interface LaptopSideOptions {
  readonly helperSocket: string;
  /** Starts a helper where none listens, if that needs nobody's password. */
  readonly startHelper?: (signal: AbortSignal) => Promise<void>;
  /** Network and mount namespaces of the connection's own, instead of the laptop's. */
  readonly isIsolated: boolean;
  readonly dialer: FlowDialer;
  readonly lookup: ClusterLookup;
  readonly realOf: DataPathOptions['realOf'];
  readonly dialTimeoutMs: number;
  readonly logger: Logger;
  /** `undefined`: all is well (again). */
  readonly onTrouble: (trouble: AppError | undefined) => void;
  /** Default: `watchNameServers`. */
  readonly watchServers?: (onChange: () => void) => NameServerWatch;
  /** Default: `LaptopNetwork.open`. */
  readonly openNetwork?: (options: LaptopNetworkOptions, signal: AbortSignal) => Promise<Network>;
}

export interface LaptopStatus {
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  readonly dnsAddress: string;
  readonly hook: DnsHook | undefined;
  readonly helperPid: number;
}

interface Made {
  readonly network: Network;
  readonly dns: DnsServer;
  hook: DnsHook | undefined;
  /** Those that the hook was set with. */
  domains: readonly string[];
}

/** The helper is started again by a person or a program, in a second or an hour; looking costs one connect(). */
const repairEveryMs = 500;

/** A route that is in the way may be that of an interface which is about to go; one that stays is looked at now and then. */
const [firstRetryMs, maxRetryMs] = [500, 30_000];

/** Keeps the laptop as it is wanted: makes interface, routes and DNS, changes them, and makes them anew when the helper comes back. */
export class LaptopSide {
  readonly #options: LaptopSideOptions;
  readonly #stop = new AbortController();
  #opening: Promise<Network> | undefined;
  #made: Made | undefined;
  #wanted: WantedLaptop | undefined;
  #peers: readonly DnsPeer[] = [];
  #isPaused = false;
  /** Keeps the helper alive while there is nothing for it to do, so that nobody is asked for a password afterwards. */
  #kept: HelperClient | undefined;
  /** Somebody's wish, which counts more than the configuration, for a while. */
  #helperLogLevel: LogLevel | undefined;
  #helperLogLevelEnd: NodeJS.Timeout | undefined;
  /** Of the last change, where that failed. */
  #retry: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  /** From the first hook on. */
  #servers: NameServerWatch | undefined;
  /** Changes are made one after another. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: LaptopSideOptions) {
    this.#options = options;
  }

  /** Begins to make the interface while other things go on; `apply` reports what comes of it. */
  prepare(signal: AbortSignal): void {
    this.#opening = this.#openNetwork(signal);
    this.#opening.catch(() => undefined);
  }

  /** Waits for the interface and routes. @throws AppError where that fails. */
  async makeInterface(wanted: WantedLaptop, signal: AbortSignal): Promise<void> {
    this.#wanted = wanted;
    const network = await (this.#opening ?? this.#openNetwork(signal));
    this.#opening = undefined;
    const making = this.#make(network, wanted);
    // An end that comes now waits for it.
    this.#work = making.then(
      () => undefined,
      () => undefined,
    );
    this.#made = await making;
    this.#stop.signal.throwIfAborted();
  }

  /** Points the laptop's resolver at the connection. */
  async makeDns(): Promise<void> {
    const made = this.#made;
    const wanted = this.#wanted;
    if (made === undefined || wanted === undefined) return;
    await this.#hookDns(made, wanted);
  }

  /** The laptop's resolver asks one connection; that one asks these, of the others. */
  setDnsPeers(addresses: readonly string[]): void {
    this.#peers = this.#options.isIsolated ? [] : addresses.map((server) => ({ server, ports: exemptPortRange }));
    this.#made?.dns.update({ peers: this.#peers });
  }

  /** Finds out whether the cluster's DNS asks this laptop, and breaks the circle if so. */
  async detectRecursion(): Promise<void> {
    await this.#made?.dns.detectRecursion();
  }

  async verify(): Promise<DnsVerification> {
    if (this.#made === undefined) return { ok: false, reason: 'There is no interface' };
    const { dns, network } = this.#made;
    return await verifyDns(dns, this.#options.isIsolated ? { resolve: (name) => lookUpInside(network.helperPid, name) } : {});
  }

  /** Whether programs' connections through the interface arrive. */
  async verifyTcp(): Promise<ProbeResult> {
    return (await this.#made?.network.verifyTcp()) ?? { ok: true };
  }

  /** Applies a change. Failures become trouble, not exceptions, and are tried again. */
  change(wanted: WantedLaptop): void {
    this.#wanted = wanted;
    this.#retryMs = firstRetryMs;
    this.#apply();
  }

  #apply(): void {
    clearTimeout(this.#retry);
    this.#work = this.#work.then(async () => {
      const [made, wanted] = [this.#made, this.#wanted];
      if (made === undefined || wanted === undefined || this.#stop.signal.aborted) return;
      try {
        await made.network.setHelperLogLevel(this.#helperLogLevel ?? wanted.helperLogLevel);
        await made.network.setRoutes(wanted.routes, this.#reserved(wanted, made.hook));
        made.dns.update(wanted.dns);
        // Only this resolver chooses by domain whom to ask.
        if (made.hook?.mode === 'resolved' && made.domains.join() !== wanted.domains.join()) await this.#hookDns(made, wanted);
        if (this.#retry !== undefined) this.#options.onTrouble(undefined);
        this.#retry = undefined;
      } catch (error) {
        this.#options.onTrouble(AppError.from(error));
        this.#retry = setTimeout(() => this.#apply(), this.#retryMs).unref();
        this.#retryMs = Math.min(2 * this.#retryMs, maxRetryMs);
      }
    });
  }

  /** In place of the configuration's, for as long; 0 keeps it until it is set again. */
  setHelperLogLevel(level: LogLevel, durationMs: number): void {
    clearTimeout(this.#helperLogLevelEnd);
    this.#helperLogLevel = level;
    this.#tellHelperLogLevel();
    if (durationMs === 0) return;
    this.#helperLogLevelEnd = setTimeout(() => {
      this.#helperLogLevel = undefined;
      this.#tellHelperLogLevel();
    }, durationMs).unref();
  }

  /** Routes and DNS are not touched, and a helper that does not take it is no trouble of the connection. */
  #tellHelperLogLevel(): void {
    this.#work = this.#work.then(async () => {
      const made = this.#made;
      const wanted = this.#wanted;
      if (made === undefined || wanted === undefined || this.#stop.signal.aborted) return;
      try {
        await made.network.setHelperLogLevel(this.#helperLogLevel ?? wanted.helperLogLevel);
      } catch (error) {
        this.#options.logger.warn("The helper's log level could not be changed", { error });
      }
    });
  }

  /** Gives the laptop back what it had. Changes are remembered for `resume`. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#work = this.#work.then(async () => {
      if (this.#stop.signal.aborted) return;
      this.#kept ??= await HelperClient.connect(this.#options.helperSocket).catch(() => undefined);
      if (this.#made !== undefined) await closeMade(this.#made);
      this.#made = undefined;
    });
    await this.#work;
  }

  /** Makes the interface again, with routes and DNS. @throws AppError where that fails: then it is as before. */
  async resume(wanted: WantedLaptop, signal: AbortSignal): Promise<void> {
    this.#isPaused = false;
    try {
      if (!(await isHelperListening(this.#options.helperSocket))) await this.#options.startHelper?.(signal);
      await this.makeInterface(wanted, signal);
      await this.makeDns();
      await this.#release();
    } catch (error) {
      await this.pause();
      throw error;
    }
  }

  async #release(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.close();
  }

  /** Other name servers may be in use now, and another program may have taken the hook away. */
  rehookDns(): void {
    this.#work = this.#work.then(async () => {
      const made = this.#made;
      const wanted = this.#wanted;
      if (made === undefined || wanted === undefined || this.#stop.signal.aborted) return;
      try {
        await this.#hookDns(made, wanted);
      } catch (error) {
        this.#options.logger.warn('DNS could not be looked after', { error });
      }
    });
  }

  /** Names may mean something else now. */
  flushDns(): void {
    this.#made?.dns.flush();
  }

  /** Connects to a program in the connection's own network namespace. @throws where there is none, or nothing listens. */
  async dialInside(address: string, port: number): Promise<Socket> {
    if (this.#made === undefined) throw new AppError({ code: 'connection.lost', message: 'There is no interface' });
    return await this.#made.network.dialInside(address, port);
  }

  status(): LaptopStatus | undefined {
    if (this.#made === undefined) return undefined;
    const { network, hook } = this.#made;
    return {
      helperPid: network.helperPid,
      interfaceName: network.interfaceName,
      addresses: network.addresses,
      dnsAddress: network.address,
      hook,
    };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#helperLogLevelEnd);
    clearTimeout(this.#retry);
    this.#servers?.[Symbol.dispose]();
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.close();
    await this.#work;
    if (this.#made !== undefined) await closeMade(this.#made);
    this.#made = undefined;
    await this.#release();
  }

  async #openNetwork(signal: AbortSignal): Promise<Network> {
    const { helperSocket, isIsolated, startHelper, dialer, realOf, dialTimeoutMs, logger } = this.#options;
    const isStarted = isIsolated && !(await isHelperListening(helperSocket));
    if (isStarted) await startHelper?.(signal);
    const open = this.#options.openNetwork ?? LaptopNetwork.open;
    try {
      return await open(
        { helperSocket, isIsolated, dialer, realOf, dialTimeoutMs, logger, onLost: (reason) => this.#lost(reason) },
        signal,
      );
    } catch (error) {
      // Nobody else has a use for it, and by itself it would wait for a while.
      if (isStarted) await dismissHelper(helperSocket);
      throw error;
    }
  }

  async #make(network: Network, wanted: WantedLaptop): Promise<Made> {
    try {
      await network.setHelperLogLevel(this.#helperLogLevel ?? wanted.helperLogLevel);
      await network.setRoutes(wanted.routes, wanted.reserved);
      const dns = new DnsServer({
        ...wanted.dns,
        ...network.takeDnsSockets(),
        serverAddress: network.address,
        formerServers: [],
        search: [],
        peers: this.#peers,
        exemptPorts: network.exemptPorts,
        cluster: this.#options.lookup,
        logger: this.#options.logger.child('dns'),
      });
      await dns.start();
      return { network, dns, hook: undefined, domains: [] };
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  async #hookDns(made: Made, wanted: WantedLaptop): Promise<void> {
    made.hook = await made.network.setDns(wanted.domains, this.#options.isIsolated ? ['resolv-conf'] : dnsHookModes);
    made.domains = wanted.domains;
    if (!this.#options.isIsolated) {
      this.#servers ??= (this.#options.watchServers ?? watchNameServers)(() => this.#serversChanged());
      this.#servers.accept();
    }
    const formerServers = wanted.formerServers.length > 0 ? wanted.formerServers : made.hook.formerServers;
    made.dns.update({ formerServers, search: made.hook.search });
    const reserved = this.#reserved(wanted, made.hook);
    if (reserved.length > wanted.reserved.length) await made.network.setRoutes(wanted.routes, reserved);
  }

  /** DHCP or a VPN has come with others. */
  #serversChanged(): void {
    if (this.#made === undefined) return;
    this.#options.logger.info("The laptop's name servers have changed");
    this.rehookDns();
  }

  /** The name servers that were in use before are asked by their own addresses, which must not lead into the cluster. */
  #reserved(wanted: WantedLaptop, hook: DnsHook | undefined): readonly IpAddress[] {
    if (this.#options.isIsolated) return [];
    const servers = (hook?.formerServers ?? []).flatMap((server) => parseIp(server) ?? []);
    return [...wanted.reserved, ...servers];
  }

  /** The data path may still carry traffic: what is there stays until a helper is back to make it anew. */
  #lost(reason: AppError): void {
    if (this.#stop.signal.aborted || this.#isPaused) return;
    this.#options.onTrouble(reason);
    this.#work = this.#work.then(() => this.#repair());
  }

  async #repair(): Promise<void> {
    const { signal } = this.#stop;
    // Once: a sudo that wants a password is not to be asked every half second.
    await this.#options.startHelper?.(signal).catch((error: unknown) => {
      this.#options.logger.info('The helper is left for somebody else to start', { error });
    });
    while (!signal.aborted && !this.#isPaused) {
      try {
        if (!(await isHelperListening(this.#options.helperSocket))) throw new Error('No helper listens');
        // Its sockets hold the address that the new interface will have.
        if (this.#made !== undefined) await closeMade(this.#made);
        this.#made = undefined;
        const network = await this.#openNetwork(signal);
        const wanted = this.#wanted;
        if (wanted === undefined) return;
        this.#made = await this.#make(network, wanted);
        await this.#hookDns(this.#made, wanted);
        clearTimeout(this.#retry);
        this.#retry = undefined;
        this.#options.onTrouble(undefined);
        return;
      } catch (error) {
        this.#options.logger.debug('The laptop is not repaired yet', { error });
        await sleep(repairEveryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

/** A helper ends with the last connection that it knows. Never rejects. */
async function dismissHelper(helperSocket: string): Promise<void> {
  const helper = await HelperClient.connect(helperSocket).catch(() => undefined);
  await helper?.close();
}

async function closeMade(made: Made): Promise<void> {
  await made.network.close();
  await made.dns.stop();
}
