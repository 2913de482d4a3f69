import { randomBytes } from 'node:crypto';
import type { LogLevel } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import {
  type HelperCall,
  type HelperInput,
  type HelperOutput,
  helperApi,
  helperProtocolVersion,
} from '#protocol/helper/helper-api.ts';
import type { Handover } from './claims.ts';
import { connectInside } from './connect-inside.ts';
import { InterfaceLease } from './interface-lease.ts';
import type { Laptop } from './laptop.ts';

/** What a session asks of the server around it. */
export interface SessionHost {
  /** Hands the descriptors to whoever presents the claim; after the deadline `expire` runs instead. */
  offerClaim(claim: string, handover: Handover, expire: () => Promise<void>): void;
  /** Ends the helper as soon as nothing is left to undo; where it is a service, the connection instead. */
  quitWhenIdle(): void;
  /** Whether the helper stays without a daemon. */
  readonly isService: boolean;
  setLogLevel(level: LogLevel): void;
}

type Handlers = { readonly [Call in HelperCall]: (input: HelperInput<Call>) => Promise<HelperOutput<Call>> };

/** One control connection: what it created is its own, and goes with it. */
export class ControlSession {
  readonly #laptop: Laptop;
  readonly #host: SessionHost;
  readonly #leases = new Map<string, InterfaceLease>();
  #isGreeted = false;

  constructor(laptop: Laptop, host: SessionHost) {
    this.#laptop = laptop;
    this.#host = host;
  }

  /** Whether the version handshake is done. */
  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  get hasInterfaces(): boolean {
    return this.#leases.size > 0;
  }

  /** @throws AppError */
  async handle(call: string, input: unknown): Promise<unknown> {
    if (!isHelperCall(call)) throw invalid(`There is no call ${JSON.stringify(call.slice(0, 40))}`, 'unknown call');
    if (!this.#isGreeted && call !== 'hello') throw invalid(`${call} was not done`, 'the first call must be hello');
    return await this.#dispatch(call, input);
  }

  /** Undoes everything that came through this connection. */
  async close(): Promise<void> {
    const leases = [...this.#leases.values()];
    this.#leases.clear();
    for (const lease of leases) await lease.delete();
  }

  async #dispatch<Call extends HelperCall>(call: Call, input: unknown): Promise<HelperOutput<Call>> {
    const parsed = helperApi[call].input.safeParse(input);
    if (!parsed.success) {
      const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`);
      throw invalid(`${call} was not done`, issues.join('; ').slice(0, 1_000));
    }
    const handler: (input: HelperInput<Call>) => Promise<HelperOutput<Call>> = this.#handlers[call];
    return await handler(parsed.data as HelperInput<Call>);
  }

  readonly #handlers: Handlers = {
    hello: async ({ version }) => {
      if (version !== helperProtocolVersion) {
        throw new AppError({
          code: 'version-mismatch',
          message: 'The privileged helper is of another version than the daemon',
          reason: `helper protocol ${helperProtocolVersion}, daemon ${version}`,
          remedies: [{ label: 'Stop everything, then connect again', command: 'telepresence quit -s' }],
        });
      }
      this.#isGreeted = true;
      return { version: helperProtocolVersion, pid: process.pid, ...(this.#host.isService ? { isService: true as const } : {}) };
    },
    createInterface: async (input) => {
      const lease = await InterfaceLease.create(this.#laptop, input);
      this.#leases.set(lease.name, lease);
      const claim = randomBytes(16).toString('hex');
      this.#host.offerClaim(claim, lease, () => this.#expire(lease));
      this.#laptop.log.info('Interface made', { interface: lease.name, index: lease.index });
      const withoutIpv6 = input.ipv6 !== undefined && !lease.hasIpv6;
      return { name: lease.name, index: lease.index, claim, ...(withoutIpv6 ? { withoutIpv6: true as const } : {}) };
    },
    setRoutes: async (input) => await this.#lease(input.interface).setRoutes(input.routes, input.reserved),
    setDns: async (input) => await this.#lease(input.interface).setDns(input),
    clearDns: async (input) => {
      await this.#lease(input.interface).clearDns();
      return {};
    },
    connectTcp: async ({ address, port }) => {
      if (!this.#laptop.isIsolated) throw invalid('connectTcp was not done', 'the helper serves the whole laptop');
      const handover = await connectInside(address, port);
      const claim = randomBytes(16).toString('hex');
      this.#host.offerClaim(claim, handover, async () => handover.releaseDescriptors());
      return { claim };
    },
    deleteInterface: async (input) => {
      const lease = this.#lease(input.interface);
      this.#leases.delete(lease.name);
      if (!(await lease.delete())) {
        throw new AppError({
          code: 'interface.failed',
          message: `${lease.name} was not removed completely`,
          reason: "the helper's log names what is left; the helper tries again when it ends and when it starts",
        });
      }
      return {};
    },
    setLogLevel: async ({ level }) => {
      this.#host.setLogLevel(level);
      return {};
    },
    quit: async () => {
      this.#host.quitWhenIdle();
      return {};
    },
  };

  #lease(name: string): InterfaceLease {
    const lease = this.#leases.get(name);
    if (lease === undefined) throw invalid(`${name} was not touched`, 'this connection did not create the interface');
    return lease;
  }

  /** Nobody took the descriptors: without them the interface is of no use. */
  async #expire(lease: InterfaceLease): Promise<void> {
    if (this.#leases.get(lease.name) !== lease) return;
    this.#leases.delete(lease.name);
    this.#laptop.log.warn('Nobody took the interface', { interface: lease.name });
    await lease.delete();
  }
}

function isHelperCall(call: string): call is HelperCall {
  return Object.hasOwn(helperApi, call);
}

function invalid(message: string, reason: string): AppError {
  return new AppError({ code: 'helper.invalid-request', message, reason });
}
