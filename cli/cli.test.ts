import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { productVersion } from '#base/common/version.ts';
import { fakeState, startFakeDaemon } from '#net/rpc/fake-daemon.ts';
import { untilAborted, type Handlers } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { Connection, ConnectRequest, DaemonState, Workload } from '#protocol/local-api/model.ts';
import { Interrupts } from './interrupts.ts';
import { runCli } from './run.ts';

const connection: Connection = {
  name: 'dev-shop',
  state: { kind: 'on', since: '2026-01-01T00:00:00.000Z' },
  context: 'dev',
  server: 'https://10.0.0.1:6443',
  namespace: 'shop',
  managerNamespace: 'ambassador',
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
};
const workload = (name: string, agent: Workload['agent'], interceptedBy: string[] = []): Workload => ({
  kind: 'Deployment',
  name,
  namespace: 'shop',
  state: 'available',
  agent,
  interceptedBy,
});

let directory = '';
const closers: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(handlers: Partial<Handlers>, state: DaemonState = fakeState(), version = productVersion): Promise<void> {
  const listener = await startFakeDaemon({ path: join(directory, 'run', 'daemon.sock'), handlers, state, version });
  closers.push(() => listener.close());
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(line: string | string[], options: { interrupts?: Interrupts; stdin?: string; onStdout?(text: string): void } = {}): Promise<Outcome> {
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
    programs: { daemon: '/nowhere/daemon.js', helper: '/nowhere/helper.js' },
    readStdin: async () => options.stdin ?? '',
  });
  return { code, stdout, stderr };
}

const json = (outcome: Outcome) => JSON.parse(outcome.stdout) as unknown;

describe('without a daemon', () => {
  it('shows that nothing runs and starts nothing', async () => {
    expect(await run('status')).toEqual({
      code: 0,
      stdout: 'User Daemon: Not running\nRoot Daemon: Not running\nTraffic Manager: Not connected\n',
      stderr: '',
    });
    expect(json(await run('status --output json'))).toMatchObject({ user_daemon: { running: false }, root_daemon: { running: false } });
    expect((await run('version')).stdout).toContain(`Client         : v${productVersion}`);
    expect(await run('quit')).toEqual({ code: 0, stdout: 'Not connected\n', stderr: '' });
    expect((await run('quit -s')).stdout).toBe('Telepresence daemons are not running\n');
  });

  it('says in three lines what to do, with the code of the registry', async () => {
    expect(await run('list')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'telepresence list: error: Not connected to a cluster\n  do: Connect first: telepresence connect\n',
    });
  });

  it('says why a daemon did not start', async () => {
    const { code, stderr } = await run('list-contexts');
    expect(code).toBe(1);
    expect(stderr).toContain('telepresence list-contexts: error: The Telepresence user daemon ended at once');
    expect(stderr).toContain('  why: ');
  });
});

describe('usage', () => {
  it.each([
    ['lst', 'telepresence: error: unknown command', 'Did you mean list?'],
    ['list --namespce x', "telepresence list: error: unknown option '--namespce'", 'Did you mean --namespace?'],
    ['loglevel loud', 'telepresence loglevel: error:', 'telepresence loglevel --help'],
    ['loglevel debug -l -r', 'telepresence loglevel: error:', 'cannot be used'],
    ['helm', 'telepresence helm: error: "helm" needs a command', 'telepresence helm --help'],
    ['status -- ls', 'telepresence status: error: "status" takes no command after --', 'telepresence status --help'],
    ['connect ls', 'telepresence connect: error: Unexpected argument "ls"', 'telepresence connect -- command args'],
    ['helm upgrade --reset-values --reuse-values', 'telepresence helm upgrade: error: --reset-values', 'exclude'],
    ['helm install --set x', 'telepresence helm install: error: --set x has no =', 'do: Write it as --set key=value'],
    ['status --output xml', 'telepresence status: error:', 'default, json'],
    ['list-contexts --kubeconfig -', 'telepresence list-contexts: error: A kubeconfig cannot be read', 'do: '],
  ])('%s ends with 2 and an explanation', async (line, first, second) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.startsWith(first)).toBe(true);
    expect(stderr).toContain(second);
  });

  it('puts a failure into an envelope in the structured formats', async () => {
    const outcome = await run('--output json lst');
    expect(outcome).toMatchObject({ code: 2, stderr: '' });
    expect(json(outcome)).toMatchObject({ cmd: '', err: "unknown command 'lst'", error: { code: 'usage' } });
    expect(parse((await run('list --output yaml')).stdout)).toMatchObject({ cmd: 'list', err: 'Not connected to a cluster' });
    expect((await run('list --output=json-stream')).stdout).toMatch(/^\{"cmd":"list",.*\}\n$/);
  });

  it('has an example in the help of every command', async () => {
    const names = ['connect', 'quit', 'status', 'list', 'helm', 'loglevel', 'config', 'list-contexts', 'list-namespaces', 'completion', 'version'];
    const nested = ['helm install', 'helm upgrade', 'helm uninstall', 'helm lint', 'helm version', 'config view', ''];
    for (const name of [...names, ...nested]) {
      const { code, stdout } = await run(`${name} --help`);
      expect({ name, code, text: stdout }).toMatchObject({ name, code: 0, text: expect.stringContaining('Example:\n  telepresence ') as string });
    }
  });
});

describe('status', () => {
  it('shows a connection to people', async () => {
    await serve({}, fakeState({ connections: { 'dev-shop': connection } }));
    const { stdout } = await run('status');
    for (const line of ['User Daemon: Running', '  Status            : Connected', '  Connection        : on', '  Namespace         : shop', 'Traffic Manager: Connected']) {
      expect(stdout.split('\n')).toContain(line);
    }
  });

  it('has the documented shape for programs', async () => {
    await serve({}, fakeState({ connections: { 'dev-shop': connection } }));
    const expected = {
      user_daemon: { running: true, status: 'Connected', state: 'on', install_id: 'c0ffee', kubernetes_context: 'dev', mapped_namespaces: ['shop', 'db'] },
      root_daemon: { running: false },
      traffic_manager: { version: 'v0.1.0', traffic_agent: 'example/agent:1' },
    };
    expect(json(await run('status --output json'))).toMatchObject(expected);
    expect(parse((await run('status --output yaml')).stdout)).toMatchObject(expected);
    expect(json(await run('status --multi-daemon --output json'))).toMatchObject({ connections: [expected] });
  });

  it('shows several connections, or the one of --use', async () => {
    const other = { ...connection, name: 'prod', context: 'prod' };
    await serve({}, fakeState({ connections: { 'dev-shop': connection, prod: other } }));
    expect(json(await run('status --output json'))).toMatchObject({ connections: [{}, {}] });
    expect(json(await run('status --output json --use ^pr'))).toMatchObject({ user_daemon: { name: 'prod' } });
    expect(await run('status --use x')).toMatchObject({ code: 3 });
    expect(await run('status --use .')).toMatchObject({ code: 2 });
  });

  it.each([
    [{ kind: 'off' }, 'Not connected', 'off'],
    [{ kind: 'connecting', stage: 'dns' }, 'Not connected', 'connecting (dns)'],
    [{ kind: 'off', error: { code: 'cluster.unreachable', message: 'x' } }, 'Not connected, error talking to cluster', 'trouble'],
    [{ kind: 'off', error: { code: 'cluster.unauthenticated', message: 'x' } }, 'Not logged in', 'trouble'],
    [{ kind: 'off', error: { code: 'cluster.forbidden', message: 'x' } }, 'Not authorized to connect', 'trouble'],
    [
      { kind: 'reconnecting', since: '', attempt: 2, reason: { code: 'manager.unreachable', message: 'x' } },
      'Not connected, error talking to in-cluster Telepresence traffic-manager',
      'trouble (attempt 2)',
    ],
  ] as [Connection['state'], string, string][])('says %j as "%s"', async (state, text, word) => {
    await serve({}, fakeState({ connections: { 'dev-shop': { ...connection, state } } }));
    const { stdout } = await run('status');
    expect(stdout).toContain(`Status            : ${text}\n`);
    expect(stdout).toContain(`Connection        : ${word}\n`);
  });

  it('shows problems with what to do, causes only', async () => {
    const base = { severity: 'error', message: 'broken', since: '', dependsOn: [] as string[], remedies: [{ label: 'Fix it', command: 'fix' }] } as const;
    const health = {
      a: { ...base, code: 'a', title: 'Cause', dependsOn: [], remedies: [...base.remedies] },
      b: { ...base, code: 'b', title: 'Effect', dependsOn: ['a'], remedies: [...base.remedies] },
    };
    await serve({}, fakeState({ health }));
    const { stdout } = await run('status');
    expect(stdout).toContain('Problems:\n  error: Cause: broken\n    do: Fix it: fix\n');
    expect(stdout).not.toContain('Effect');
  });
});

describe('list', () => {
  const workloads = [workload('web', 'installed'), workload('api', 'none'), workload('cart', 'intercepted', ['ann'])];

  it('has a line for each workload, filters, and says when there is none', async () => {
    const inputs: CallInput<'listWorkloads'>[] = [];
    await serve({
      listWorkloads: async (input) => {
        inputs.push(input);
        return { workloads: input.namespace === 'empty' ? [] : workloads };
      },
    });
    expect((await run('list')).stdout).toBe(
      'deployment api: ready to attach (traffic-agent not yet installed)\n' +
        'deployment cart: intercepted by ann\n' +
        'deployment web: ready to attach (traffic-agent already installed)\n',
    );
    expect((await run('list -i')).stdout).toBe('deployment cart: intercepted by ann\n');
    expect(json(await run('list --agents --output json'))).toMatchObject([{ name: 'cart', workload_resource_type: 'Deployment' }, { name: 'web' }]);
    expect((await run('list -n empty --use ^dev$')).stdout).toBe('No Workloads (Deployments, StatefulSets, ReplicaSets, or Rollouts)\n');
    expect(inputs.at(-1)).toEqual({ namespace: 'empty', use: '^dev$' });
  });

  it('streams until Ctrl-C and then ends with 130', async () => {
    await serve({
      watchWorkloads: async (_input, { emit, signal }) => {
        emit({ kind: 'snapshot', workloads });
        emit({ kind: 'removed', workload: workload('api', 'none') });
        await untilAborted(signal);
        return {};
      },
    });
    const interrupts = new Interrupts(() => undefined);
    const { code, stdout } = await run('list --output json-stream', {
      interrupts,
      onStdout: (text) => (text.includes('removed') ? interrupts.raise() : undefined),
    });
    expect(code).toBe(130);
    const documents = stdout.trim().split('\n').map((text) => JSON.parse(text) as unknown);
    expect(documents).toMatchObject([{ kind: 'snapshot', workloads: [{ name: 'api' }, { name: 'cart' }, { name: 'web' }] }, { kind: 'removed' }]);
  });
});

describe('helm', () => {
  it('passes values on in order of precedence, with files read', async () => {
    const inputs: CallInput<'install'>[] = [];
    await serve({
      install: async (input, { emit }) => {
        inputs.push(input);
        emit({ stage: 'Waiting for the traffic-manager' });
        return { version: '0.1.0', revision: 2, namespace: input.managerNamespace ?? 'ambassador', manifest: 'kind: Namespace' };
      },
    });
    writeFileSync(join(directory, 'v.yaml'), 'a: 1\n');
    const line = 'helm install -f v.yaml -f - --set a=2 --set-json b={} --set-file c=v.yaml -n tele --context dev --kubeconfig k --progress plain';
    const outcome = await run(line, { stdin: 'b: 1' });
    expect(outcome).toEqual({
      code: 0,
      stdout: 'Traffic Manager 0.1.0 installed in namespace tele (revision 2)\n',
      stderr: 'Waiting for the traffic-manager\n',
    });
    expect(inputs[0]).toEqual({
      action: 'install',
      kubeFlags: { context: 'dev', kubeconfig: join(directory, 'k') },
      managerNamespace: 'tele',
      createNamespace: true,
      dryRun: false,
      values: [
        { kind: 'yaml', source: 'v.yaml', text: 'a: 1\n' },
        { kind: 'yaml', source: '-', text: 'b: 1' },
        { kind: 'set-json', expression: 'b={}' },
        { kind: 'set', expression: 'a=2' },
        { kind: 'set-file', expression: 'c=v.yaml', text: 'a: 1\n' },
      ],
    });
    expect((await run('helm upgrade --dry-run --reuse-values --no-create-namespace')).stdout).toBe('kind: Namespace\n');
    expect(inputs[1]).toMatchObject({ action: 'upgrade', base: 'reuse', dryRun: true, createNamespace: false });
    expect(json(await run('helm upgrade --output json'))).toEqual({ version: '0.1.0', revision: 2, namespace: 'ambassador', dry_run: false });
  });

  it('uninstalls, lints and shows its version', async () => {
    await serve({
      uninstall: async () => ({ removed: ['Deployment/traffic-manager'], namespace: 'ambassador' }),
      lintValues: async ({ values }) => ({ problems: values.length === 0 ? [] : [{ path: 'a.b', message: 'is unknown' }] }),
    });
    expect((await run('helm uninstall')).stdout).toBe('Traffic Manager uninstalled from namespace ambassador\n');
    expect((await run('helm uninstall --dry-run')).stdout).toBe('Deployment/traffic-manager\n');
    expect(await run('helm lint')).toMatchObject({ code: 0, stdout: 'No problems found\n' });
    expect(await run('helm lint --set a.b=1')).toMatchObject({ code: 2, stdout: 'a.b: is unknown\n' });
    expect((await run('helm version')).stdout).toContain(`v${productVersion}`);
  });
});

describe('other commands', () => {
  it('changes log levels', async () => {
    const inputs: CallInput<'setLogLevel'>[] = [];
    await serve({
      setLogLevel: async (input) => {
        inputs.push(input);
        return {};
      },
    });
    expect((await run('loglevel debug')).stdout).toBe('Log level set to debug for 30m\n');
    expect((await run('loglevel trace -d 0 -r')).stdout).toBe('Log level set to trace\n');
    expect((await run('loglevel info -d 1h30m --local-only')).code).toBe(0);
    expect(await run('loglevel info -d soon')).toMatchObject({ code: 2 });
    expect(inputs).toEqual([
      { level: 'debug', durationMs: 1_800_000, scope: 'all' },
      { level: 'trace', durationMs: 0, scope: 'remote' },
      { level: 'info', durationMs: 5_400_000, scope: 'local' },
    ]);
  });

  it('shows configuration, contexts and namespaces', async () => {
    const context = { name: 'dev', cluster: 'c', user: 'u', namespace: 'shop', server: 'https://x', current: true };
    await serve({
      viewConfig: async () => ({ config: { timeouts: { helm: '30s' } }, sources: { 'timeouts.helm': 'default' }, configFile: '/c.yml', logDirectory: '/l' }),
      listContexts: async () => ({ contexts: [context, { ...context, name: 'prod', namespace: 'default', current: false }] }),
      listNamespaces: async () => ({ namespaces: ['a', 'b'] }),
    });
    expect((await run('config view')).stdout).toBe('timeouts:\n  helm: 30s\nconfig_file: /c.yml\nlog_directory: /l\n');
    expect(json(await run('config view --output json'))).toMatchObject({ sources: { 'timeouts.helm': 'default' } });
    expect((await run('list-contexts')).stdout).toBe('* dev (namespace shop)\n  prod (namespace default)\n');
    expect(json(await run('list-contexts --output json'))).toMatchObject([{ name: 'dev', current: true }, { name: 'prod' }]);
    expect((await run('list-namespaces')).stdout).toBe('a\nb\n');
    expect((await run('list-namespaces --output yaml')).stdout).toBe('- a\n- b\n');
  });

  it('disconnects, and names what was disconnected', async () => {
    const inputs: CallInput<'disconnect'>[] = [];
    await serve({
      disconnect: async (input) => {
        inputs.push(input);
        return { disconnected: ['dev-shop'] };
      },
    });
    expect((await run('quit --use dev')).stdout).toBe('Disconnected from dev-shop\n');
    expect(json(await run('quit --output json'))).toEqual({ disconnected: ['dev-shop'] });
    expect(inputs).toEqual([{ use: 'dev' }, {}]);
  });

  it('tells another version apart, shows it, and can still end it', async () => {
    await serve({ quit: async () => (setImmediate(() => void closers.pop()?.()), {}) }, fakeState(), '9.0.0');
    expect((await run('version')).stdout).toContain('User Daemon    : v9.0.0');
    const refused = await run('status');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('do: Stop the daemon, so that the next command starts the matching one: telepresence quit -s');
    expect((await run('quit -s')).stdout).toBe('Telepresence daemons stopped\n');
  });

  it('shows the versions of all parts', async () => {
    await serve({}, fakeState({ connections: { 'dev-shop': connection } }));
    expect(json(await run('version --output json'))).toEqual({
      client: `v${productVersion}`,
      user_daemon: 'v0.1.0',
      traffic_manager: 'v0.1.0',
      traffic_agent: 'example/agent:1',
    });
  });

  it('maps errors of the daemon to lines and exit codes', async () => {
    const reject = () =>
      Promise.reject(
        new AppError({ code: 'cluster.forbidden', message: 'You may not\nlist', reason: 'RBAC', remedies: [{ label: 'Ask' }, { label: 'Run', command: 'x' }] }),
      );
    await serve({ listNamespaces: reject, listContexts: () => Promise.reject(new Error('odd')) });
    expect(await run('list-namespaces')).toEqual({
      code: 5,
      stdout: '',
      stderr: 'telepresence list-namespaces: error: You may not list\n  why: RBAC\n  do: Ask\n  do: Run: x\n',
    });
    expect((await run('list-contexts')).stderr).toMatch(/^telepresence list-contexts: error: odd\n {2}do: Look at the logs in .*\n$/);
  });
});

describe('connectRequest', () => {
  it('has every flag, and nothing that was not given', async () => {
    const { connectRequest } = await import('./commands/connect.ts');
    const { buildProgram } = await import('./program.ts');
    const requestOf = async (line: string) => {
      let request: ConnectRequest | undefined;
      const io = { cwd: '/work', env: { KUBECONFIG: 'a:/b' } } as unknown as Parameters<typeof connectRequest>[1];
      const program = buildProgram(async (_name, options) => {
        request = connectRequest(options, io);
      });
      await program.parseAsync(line.split(' '), { from: 'user' });
      return request;
    };
    expect(await requestOf('connect')).toEqual({ kubeFlags: {}, kubeconfigEnv: '/work/a:/b' });
    const line =
      'connect -n shop --manager-namespace m --mapped-namespaces a,b --mapped-namespaces c --name x --also-proxy 10.0.0.0/8 --never-proxy 10.1.0.0/16' +
      ' --allow-conflicting-subnets 10.2.0.0/16 --vnat pods --reroute-remote h:1:2 --reroute-local 1:h:2 --as ann --as-group g --as-group h' +
      ' --insecure-skip-tls-verify --client-key k.pem -s https://api --request-timeout 5s';
    expect(await requestOf(line)).toEqual({
      kubeFlags: {
        as: 'ann',
        asGroup: ['g', 'h'],
        insecureSkipTlsVerify: true,
        clientKey: '/work/k.pem',
        server: 'https://api',
        requestTimeout: '5s',
      },
      kubeconfigEnv: '/work/a:/b',
      namespace: 'shop',
      managerNamespace: 'm',
      mappedNamespaces: ['a', 'b', 'c'],
      name: 'x',
      alsoProxy: ['10.0.0.0/8'],
      neverProxy: ['10.1.0.0/16'],
      allowConflictingSubnets: ['10.2.0.0/16'],
      vnat: ['pods'],
      rerouteRemote: ['h:1:2'],
      rerouteLocal: ['1:h:2'],
    });
  });
});

describe('completion', () => {
  const complete = async (...words: string[]) =>
    (await run(['__complete', '--', ...words])).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t')[0]);

  it('completes commands, flags and fixed values without a daemon', async () => {
    expect(await complete('list')).toEqual(['list', 'list-contexts', 'list-namespaces']);
    expect(await complete('helm', 'l')).toEqual(['lint']);
    expect(await complete('connect', '--man')).toEqual(['--manager-namespace']);
    expect(await complete('--output', 'j')).toEqual(['json', 'json-stream']);
    expect(await complete('--output=y')).toEqual(['--output=yaml']);
    expect(await complete('loglevel', '')).toEqual(['error', 'warn', 'info', 'debug', 'trace']);
    expect(await complete('connect', '--', 'c')).toEqual([]);
    writeFileSync(join(directory, 'k'), 'contexts: [{name: dev}, {name: prod}]');
    expect(await complete('connect', '--kubeconfig', 'k', '--context', 'p')).toEqual(['prod']);
    expect(await complete('connect', '-n', '')).toEqual([]);
  });

  it('completes live names with one', async () => {
    const inputs: CallInput<'listNamespaces'>[] = [];
    await serve(
      {
        listNamespaces: async (input) => {
          inputs.push(input);
          return { namespaces: ['shop', 'staging'] };
        },
        listWorkloads: async () => ({ workloads: [workload('web', 'none')] }),
      },
      fakeState({ connections: { 'dev-shop': connection } }),
    );
    expect(await complete('connect', '--context', 'dev', '-n', 's')).toEqual(['shop', 'staging']);
    expect(inputs[0]).toEqual({ kubeFlags: { context: 'dev' } });
    expect(await complete('connect', '--mapped-namespaces', 'shop,st')).toEqual(['shop,staging']);
    expect(await complete('--use', '')).toEqual(['dev-shop']);
    const { completeValue } = await import('./completion/value-candidates.ts');
    const io = { env: { TELEPRESENCE_RUNTIME_DIR: join(directory, 'run') } } as unknown as Parameters<typeof completeValue>[2];
    expect(await completeValue('workload', {}, io)).toEqual(['web']);
  });

  it('prints a script for each shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish', 'powershell']) expect((await run(`completion ${shell}`)).stdout).toContain('__complete');
  });
});
