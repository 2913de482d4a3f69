import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { productPaths } from '#base/node/paths.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { mustRun } from './program.ts';
import { checkout } from './settings.ts';

/**
 * The product as a person of this machine has it, with a sandbox for a cluster and everything of its own in a temporary folder. It connects
 * without root's rights, so the machine's network stays as it is.
 */
export interface SandboxDesk {
  readonly directory: string;
  /** For every program of the product. */
  readonly env: Readonly<Record<string, string>>;
  /** Where no sandbox was asked for, a file that is not there. */
  readonly kubeconfig: string;
  readonly daemonSocket: string;
  telepresence(args: readonly string[], options?: { readonly env?: Readonly<Record<string, string>> }): Promise<string>;
  /** A client of the running daemon. */
  api(): Promise<ApiClient>;
  /** The address of the window in a browser, with its token. */
  windowUrl(): Promise<string>;
  close(): Promise<void>;
}

export interface SandboxDeskOptions {
  /** Deploys a shop of four services into the namespace `shop`. */
  readonly hasShop?: boolean;
  /** Neither sandbox nor traffic-manager: as on a laptop that has just got the product. */
  readonly isFresh?: boolean;
}

const commandTimeoutMs = 120_000;

/** Resolves when the traffic-manager runs, unless the desk is to be fresh. The product is the one that is built. */
export async function startSandboxDesk(options: SandboxDeskOptions = {}): Promise<SandboxDesk> {
  const directory = await mkdtemp(join(tmpdir(), 'tp-desk-'));
  const own: Record<string, string> = {
    HOME: join(directory, 'home'),
    XDG_RUNTIME_DIR: directory,
    XDG_CONFIG_HOME: join(directory, 'config'),
    XDG_STATE_HOME: join(directory, 'state'),
    XDG_CACHE_HOME: join(directory, 'cache'),
    TELEPRESENCE_RUNTIME_DIR: join(directory, 'run'),
  };
  const telepresence: SandboxDesk['telepresence'] = async (args, { env = {} } = {}) =>
    await mustRun([process.execPath, join(checkout, 'dist/cli.js'), ...args], {
      cwd: directory,
      env: { ...process.env, NO_COLOR: '1', ...own, ...env },
      timeoutMs: commandTimeoutMs,
    });
  const { daemonSocket } = productPaths(own);
  const startSandbox = async () => {
    const up = await telepresence(['--output', 'json', 'sandbox', 'up', ...(options.hasShop === true ? ['--shop'] : [])]);
    return (JSON.parse(up) as { readonly kubeconfig: string }).kubeconfig;
  };
  const close = async () => {
    for (const args of [
      ['quit', '--stop-daemons'],
      ['sandbox', 'down'],
    ])
      await telepresence(args).catch((error: unknown) => console.error(error));
    await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    await mustRun(['mkdir', '-p', own['HOME'] ?? '']);
    const kubeconfig = options.isFresh === true ? join(directory, 'none') : await startSandbox();
    own['KUBECONFIG'] = kubeconfig;
    if (options.isFresh !== true) await telepresence(['helm', 'install']);
    return {
      directory,
      env: own,
      kubeconfig,
      daemonSocket,
      telepresence,
      async api() {
        const found = await findDaemonAt(daemonSocket);
        if (found === undefined) throw new AppError({ code: 'daemon.not-running', message: 'There is no daemon on the desk' });
        return found;
      },
      windowUrl: async () => (await telepresence(['ui', '--no-open'])).trim(),
      close,
    };
  } catch (error) {
    const log = await readFile(join(directory, 'state/telepresence/logs/sandbox.log'), 'utf8').catch(() => '');
    await close();
    throw new Error(`The sandbox is not to be had\n${log.slice(-2_000)}`, { cause: error });
  }
}
