import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { productVersion } from '#base/common/version.ts';
import type { Handlers } from '#net/rpc/handlers.ts';
import { fakeState, startFakeDaemon } from '#net/rpc/testing/fake-daemon.ts';
import type { DaemonState, Workload } from '#protocol/local-api/model.ts';
import { exampleConnection } from '#protocol/local-api/testing/example-state.ts';
import { Interrupts } from '../interrupts.ts';
import { runCli } from '../run.ts';

/** A connection with everything that the commands show. */
export const connection = exampleConnection({
  name: 'dev-shop',
  context: 'dev',
  mappedNamespaces: ['shop', 'db'],
  stageTimesMs: { api: 12 },
  manager: { name: 'Traffic Manager', version: 'v0.1.0', agentImage: 'example/agent:1', namespace: 'ambassador' },
  routing: {
    interface: 'tel0',
    addresses: ['10.9.0.1/30'],
    subnets: ['10.96.0.0/12', '10.244.0.0/16'],
    podSubnets: [],
    alsoProxy: [],
    neverProxy: ['10.0.0.1/32'],
    allowConflicting: [],
    virtual: [],
  },
  dns: {
    address: '10.9.0.2',
    mode: 'resolved',
    formerServers: ['1.1.1.1'],
    clusterDomain: 'cluster.local',
    includeSuffixes: [],
    excludeSuffixes: ['.com'],
    excludes: [],
    mappings: [],
    lookupTimeoutMs: 4_000,
  },
});

/** A workload of the connected namespace. */
export const workload = (name: string, agent: Workload['agent'], interceptedBy: string[] = [], since?: string): Workload => ({
  kind: 'Deployment',
  name,
  namespace: 'shop',
  state: 'available',
  agent,
  interceptedBy: interceptedBy.map((owner) => ({ owner, ...(since === undefined ? {} : { since }) })),
});

export let directory = '';
export const closers: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(directory, { recursive: true, force: true });
});

/** Starts a fake daemon where the command looks for it. */
export async function serve(
  handlers: Partial<Handlers>,
  state: DaemonState = fakeState(),
  version = productVersion,
): Promise<void> {
  const listener = await startFakeDaemon({ path: join(directory, 'run', 'daemon.sock'), handlers, state, version });
  closers.push(() => listener.close());
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process with an outside world of its own. */
export async function run(
  line: string | string[],
  options: { interrupts?: Interrupts; stdin?: string; onStdout?(text: string): void } = {},
): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const code = await runCli(typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line, {
    stdout: {
      write: (text) => {
        stdout += text;
        options.onStdout?.(text);
      },
    },
    stderr: { write: (text) => (stderr += text) },
    env: { HOME: directory, TELEPRESENCE_RUNTIME_DIR: join(directory, 'run'), PATH: process.env['PATH'] },
    cwd: directory,
    isInteractive: false,
    interrupts: options.interrupts ?? new Interrupts(() => undefined),
    programs: { daemon: '/nowhere/daemon.js', helper: '/nowhere/helper.js', sandbox: '/nowhere/sandbox.js' },
    readStdin: async () => options.stdin ?? '',
  });
  return { code, stdout, stderr };
}

export const json = (outcome: Outcome) => JSON.parse(outcome.stdout) as unknown;
