import type { ErrorCode } from '#protocol/errors/registry.ts';
import type { Laptop, LaptopRunOptions } from '../laptop/laptop.ts';
import type { Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { describeFailure, type Outcome } from './program.ts';
import { settings } from './settings.ts';

/** `telepresence status --output json`, as far as the suite looks at it. */
export interface ProductStatus {
  readonly user_daemon: {
    readonly running: boolean;
    readonly status: string;
    /** off, connecting, on, trouble */
    readonly state: string;
    readonly name?: string;
    readonly pid?: number;
    readonly namespace?: string;
    readonly error?: string;
  };
  readonly root_daemon: {
    readonly running: boolean;
    readonly interface?: string;
    readonly subnets?: readonly string[];
    readonly dns?: { readonly remote_ip: string; readonly mode: string; readonly cluster_domain: string };
    readonly virtual_subnets?: readonly { readonly subnet: string; readonly virtual: string }[];
  };
  readonly traffic_manager?: { readonly name: string; readonly version: string };
}

/** How a command failed: the error of its JSON envelope, and the exit code. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason?: string;
  readonly remedies?: readonly { readonly label: string; readonly command?: string }[];
  readonly exitCode: number | undefined;
  readonly durationMs: number;
  /** Message, reason and remedies: what the person reads. */
  readonly words: string;
}

/** The product on a laptop, from outside: its command, as its user would type it. */
export class Product {
  readonly #laptop: Laptop;

  constructor(laptop: Laptop) {
    this.#laptop = laptop;
  }

  async run(args: readonly string[], options: LaptopRunOptions = {}): Promise<Outcome> {
    return await this.#laptop.run([settings.product, ...args], { timeoutMs: 90_000, ...options });
  }

  async must(args: readonly string[], options: LaptopRunOptions = {}): Promise<Outcome> {
    const outcome = await this.run(args, options);
    if (outcome.code !== 0) throw new Error(describeFailure(['telepresence', ...args], outcome));
    return outcome;
  }

  /** The object that a command prints with `--output json`. `T` is the caller's claim about it. */
  async json<T>(args: readonly string[], options: LaptopRunOptions = {}): Promise<T> {
    return JSON.parse((await this.must(['--output', 'json', ...args], options)).stdout) as T;
  }

  /** Runs a command that must fail, and says how it did. */
  async fails(args: readonly string[], options: LaptopRunOptions = {}): Promise<Failure> {
    const outcome = await this.run(['--output', 'json', ...args], options);
    if (outcome.code === 0 || outcome.isTimedOut)
      throw new Error(`a failure was expected\n${describeFailure(['telepresence', ...args], outcome)}`);
    const envelope = JSON.parse(outcome.stdout) as { readonly error?: Omit<Failure, 'exitCode' | 'durationMs' | 'words'> };
    if (envelope.error === undefined)
      throw new Error(`no error in the envelope\n${describeFailure(['telepresence', ...args], outcome)}`);
    const { error } = envelope;
    const remedies = (error.remedies ?? []).map(({ label, command }) => `${label} ${command ?? ''}`);
    const words = [error.message, error.reason ?? '', ...remedies].join('\n');
    return { ...error, words, exitCode: outcome.code, durationMs: outcome.durationMs };
  }

  async connect(...flags: readonly string[]): Promise<Outcome> {
    return await this.must(['connect', ...managerFlags(), ...flags]);
  }

  /** Disconnects and ends the daemons, and waits for their processes to be gone: they close their sockets moments before. */
  async quit(): Promise<void> {
    await this.must(['quit', '--stop-daemons']);
    const isOwn = (command: string) => Object.values(productProcesses).some((pattern) => pattern.test(command));
    await eventually(
      "the product's processes end",
      async () => {
        const left = (await this.#laptop.processes()).filter(({ command }) => isOwn(command));
        if (left.length > 0) throw new Error(left.map(({ command }) => command).join('; '));
      },
      { timeoutMs: 15_000, intervalMs: 20 },
    );
  }

  async status(): Promise<ProductStatus> {
    return await this.json<ProductStatus>(['status']);
  }

  async waitForState(state: string, timeoutMs: number): Promise<ProductStatus> {
    return await eventually(
      `the connection is "${state}"`,
      async () => {
        const status = await this.status();
        if (status.user_daemon.state !== state)
          throw new Error(`it is "${status.user_daemon.state}": ${status.user_daemon.error ?? ''}`);
        return status;
      },
      { timeoutMs },
    );
  }

  /** Makes sure that a traffic-manager runs in the cluster. */
  async ensureManager(cluster: Cluster): Promise<void> {
    const found = await cluster.find('Deployment', 'traffic-manager', settings.managerNamespace);
    if (found === undefined) await this.install();
  }

  async install(...flags: readonly string[]): Promise<Outcome> {
    return await this.must(['helm', 'install', ...managerFlags(), ...flags], { timeoutMs: 120_000 });
  }

  async uninstall(): Promise<Outcome> {
    return await this.must(['helm', 'uninstall', ...managerFlags()], { timeoutMs: 120_000 });
  }

  /** `config.yml` of the user; read by a daemon that starts after that. */
  async writeConfig(config: Readonly<Record<string, unknown>>): Promise<void> {
    // JSON is YAML.
    await this.#laptop.writeFile('.config/telepresence/config.yml', JSON.stringify(config));
  }
}

/** Programs of the product by their command lines, which name the file that they run. */
export const productProcesses = {
  daemon: /(^|\/)node\b.*\bdaemon(\/main\.ts|\.js)/,
  helper: /^(\S*\/)?node\b.*\bhelper(\/main\.ts|\.js)/,
} as const;

/** Nothing where the namespace is the one that a person gets without flags, so that commands are typed as people type them. */
export function managerFlags(): readonly string[] {
  return settings.managerNamespace === 'ambassador' ? [] : ['--manager-namespace', settings.managerNamespace];
}
