import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { productVersion } from '#base/common/version.ts';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { closers, directory, json, run, serve } from '../testing/cli-harness.ts';

/** A daemon that installs at once; what it was asked for. */
async function serveInstall(): Promise<readonly CallInput<'install'>[]> {
  const inputs: CallInput<'install'>[] = [];
  await serve({
    install: async (input, { emit }) => {
      inputs.push(input);
      emit({ stage: 'Waiting for the traffic-manager' });
      return { version: '0.1.0', revision: 2, namespace: input.managerNamespace ?? 'ambassador', manifest: 'kind: Namespace' };
    },
  });
  return inputs;
}

describe('helm', () => {
  it('passes values on in order of precedence, with files read', async () => {
    const inputs = await serveInstall();
    writeFileSync(join(directory, 'v.yaml'), 'a: 1\n');
    const line =
      'helm install -f v.yaml -f - --set a=2 --set-json b={} --set-file c=v.yaml -n tele --context dev --kubeconfig k --progress plain';
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
    expect(json(await run('helm upgrade --output json'))).toEqual({
      version: '0.1.0',
      revision: 2,
      namespace: 'ambassador',
      dry_run: false,
    });
  });

  it('installs its own version only', async () => {
    const inputs = await serveInstall();
    expect(await run('helm install --version 9.9.9')).toMatchObject({ code: 2 });
    expect(inputs).toEqual([]);
    expect((await run(`helm install --no-hooks --version v${productVersion}`)).code).toBe(0);
  });

  it('reads values from a URL, and says why it cannot', async () => {
    const inputs = await serveInstall();
    const server = createServer((request, response) => response.writeHead(request.url === '/v.yaml' ? 200 : 404).end('a: 1\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const source = `http://127.0.0.1:${port}/v.yaml`;
      expect((await run(`helm install -f ${source}`)).code).toBe(0);
      expect(inputs).toMatchObject([{ values: [{ kind: 'yaml', source, text: 'a: 1\n' }] }]);
      const { code, stderr } = await run(`helm install -f ${source}x`);
      expect([code, stderr]).toEqual([2, expect.stringContaining('404')]);
    } finally {
      server.close();
    }
  });

  it('uninstalls, lints and shows its version', async () => {
    const kept: unknown[] = [];
    await serve({
      uninstall: async (input) => {
        kept.push(input.keepAgents);
        return { removed: ['Deployment/traffic-manager'], namespace: 'ambassador' };
      },
      lintValues: async ({ values }) => ({ problems: values.length === 0 ? [] : [{ path: 'a.b', message: 'is unknown' }] }),
    });
    expect((await run('helm uninstall')).stdout).toBe('Traffic Manager uninstalled from namespace ambassador\n');
    expect((await run('helm uninstall --dry-run')).stdout).toBe('Deployment/traffic-manager\n');
    await run('helm uninstall --no-hooks');
    expect(kept).toEqual([undefined, undefined, true]);
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

  it('gathers logs into a file, and says which it lacks', async () => {
    const inputs: CallInput<'gatherLogs'>[] = [];
    await serve({
      gatherLogs: async (input) => {
        inputs.push(input);
        return { file: input.outputFile, entries: [{ name: 'daemon.log', bytes: 7 }], problems: ['no agents'] };
      },
    });
    const shown = await run('gather-logs');
    expect(shown.stdout).toMatch(/^Logs have been written to .*telepresence_logs_[\dT-]+\.zip \(1 file\)\n$/);
    expect(shown.stderr).toContain('no agents');
    await run('gather-logs -o x.zip --daemons user,kubeauth --traffic-manager=false --traffic-agents shop --anonymize -y');
    await run('gather-logs --daemons None --traffic-manager false --traffic-agents None');
    expect(await run('gather-logs --daemons some')).toMatchObject({ code: 2 });
    expect(inputs).toMatchObject([
      { daemons: ['user', 'root'], trafficManager: true, trafficAgents: 'all', anonymize: false, podYaml: false },
      { daemons: ['user'], trafficManager: false, trafficAgents: 'shop', anonymize: true, podYaml: true },
      { daemons: [], trafficManager: false, trafficAgents: 'none' },
    ]);
    expect(inputs[1]?.outputFile).toMatch(/^\/.*\/x\.zip$/);
  });

  it('shows configuration, contexts and namespaces', async () => {
    const context = { name: 'dev', cluster: 'c', user: 'u', namespace: 'shop', server: 'https://x', current: true };
    await serve({
      viewConfig: async () => ({
        config: { timeouts: { helm: '30s' } },
        sources: { 'timeouts.helm': 'default' },
        configFile: '/c.yml',
        logDirectory: '/l',
      }),
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
    expect(refused.stderr).toContain(
      'do: Stop the daemon, so that the next command starts the matching one: telepresence quit -s',
    );
    expect((await run('quit -s')).stdout).toBe('Telepresence daemons stopped\n');
  });

  it('shows the versions of all parts', async () => {
    const agents = [{ workload: 'shop', namespace: 'shop', version: 'v0.0.9' }];
    const manager = { name: 'Traffic Manager', version: 'v0.1.0' };
    const one = { name: 'dev-shop', manager, agentImage: 'example/agent:1', agents };
    await serve({
      listVersions: async ({ use }) => ({
        daemon: '0.1.0',
        connections: use === undefined ? [one, { name: 'off', agents: [] }] : [one],
      }),
    });
    expect(json(await run('version --use dev --output json'))).toEqual({
      client: `v${productVersion}`,
      user_daemon: 'v0.1.0',
      traffic_manager: 'v0.1.0',
      traffic_agent: 'example/agent:1',
      traffic_agents: agents,
    });
    const several = await run('version');
    expect(several.stdout).toContain('Root Daemon    : not running\n');
    expect(several.stdout).toContain(
      'dev-shop:\n  Traffic Manager: v0.1.0\n  Traffic Agent  : example/agent:1\n    shop.shop: v0.0.9\noff:',
    );
  });

  it('maps errors of the daemon to lines and exit codes', async () => {
    const reject = () =>
      Promise.reject(
        new AppError({
          code: 'cluster.forbidden',
          message: 'You may not\nlist',
          reason: 'RBAC',
          remedies: [{ label: 'Ask' }, { label: 'Run', command: 'x' }],
        }),
      );
    await serve({ listNamespaces: reject, listContexts: () => Promise.reject(new Error('odd')) });
    expect(await run('list-namespaces')).toEqual({
      code: 5,
      stdout: '',
      stderr: 'telepresence list-namespaces: error: You may not list\n  why: RBAC\n  do: Ask\n  do: Run: x\n',
    });
    expect((await run('list-contexts')).stderr).toMatch(
      /^telepresence list-contexts: error: odd\n {2}do: Look at the logs in .*\n$/,
    );
  });
});
