import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The folder that holds package.json. */
export const checkout = join(import.meta.dirname, '../..');

const nonEmpty = (name: string): string | undefined => (process.env[name] === '' ? undefined : process.env[name]);

/** Everything that a run takes from the environment. `e2e/README.md` explains them. */
export const settings = {
  kubeconfig: nonEmpty('KUBECONFIG'),
  clusterState: nonEmpty('CLUSTER_STATE') ?? join(checkout, '.cache/cluster'),
  /** The command to test. */
  product: nonEmpty('E2E_PRODUCT') ?? join(checkout, 'bin/telepresence'),
  managerNamespace: nonEmpty('E2E_MANAGER_NAMESPACE') ?? 'ambassador',
  /** Long variants: minutes of sleep, minutes of idle WebSocket. */
  isFull: nonEmpty('E2E_FULL') !== undefined,
  /** Shorter ones, with the same point: in sandboxes, where the suite runs with every `npm test`. */
  isBrief: nonEmpty('E2E_SANDBOX') !== undefined && nonEmpty('E2E_FULL') === undefined,
  /** Whether processes of the cluster itself may be stopped: only where this run started it, or where its owner says so. */
  mayDisruptCluster: nonEmpty('E2E_DISRUPT_CLUSTER') !== undefined,
  /** Command that brings an image archive into the cluster's nodes; the archive's path is appended. */
  imageImport: nonEmpty('E2E_IMAGE_IMPORT'),
  /** Control socket of the sandbox that plays the cluster; set by the runner. */
  sandbox: nonEmpty('E2E_SANDBOX'),
  /** Why no test of the file runs; set by the runner. */
  skipReason: nonEmpty('E2E_SKIP'),
  stockCli: nonEmpty('TELEPRESENCE_STOCK_CLI'),
  stockImage: nonEmpty('TELEPRESENCE_STOCK_IMAGE'),
} as const;

/** What makes a laptop, looks at it, or runs on it. `psql` comes with the image of PostgreSQL. */
const programs = ['ip', 'nft', 'nsenter', 'setpriv', 'unshare', 'findmnt', 'curl'] as const;

/** Why the bed cannot be used here, or undefined where it can. It becomes part of a skipped test's name. */
export function missingForBed(): string | undefined {
  if (settings.skipReason !== undefined) return settings.skipReason;
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (settings.kubeconfig === undefined) return 'needs a cluster: KUBECONFIG is not set';
  if (!existsSync(settings.kubeconfig)) return `needs a cluster: KUBECONFIG names ${settings.kubeconfig}, which does not exist`;
  const absent = programs.find((program) => !isInPath(program));
  return absent === undefined ? undefined : `needs the program ${absent}`;
}

/** Why the product cannot be tested here, or undefined where it can. */
export function missingForProduct(): string | undefined {
  const missing = missingForBed();
  if (missing !== undefined) return missing;
  if (!canAccess('/dev/net/tun', constants.R_OK)) return 'needs /dev/net/tun';
  return undefined;
}

/** A suite's name, with the reason where it is skipped. */
export function titled(title: string, missing: string | undefined): string {
  return missing === undefined ? title : `${title} (skipped: ${missing})`;
}

function isInPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => canAccess(join(directory, program), constants.X_OK));
}

function canAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
