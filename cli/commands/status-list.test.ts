import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { untilAborted } from '#net/rpc/handlers.ts';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { Interrupts } from '../interrupts.ts';
import { connection, json, run, serve, workload } from '../testing/cli-harness.ts';

describe('status', () => {
  it('shows a connection to people', async () => {
    await serve({}, fakeState({ connections: { 'dev-shop': connection } }));
    const { stdout } = await run('status');
    for (const line of [
      'User Daemon: Running',
      '  Status            : Connected',
      '  Connection        : on',
      '  Namespace         : shop',
      'Traffic Manager: Connected',
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
  });

  it('has the documented shape for programs', async () => {
    await serve({}, fakeState({ connections: { 'dev-shop': connection } }));
    const expected = {
      user_daemon: {
        running: true,
        status: 'Connected',
        state: 'on',
        install_id: 'c0ffee',
        kubernetes_context: 'dev',
        mapped_namespaces: ['shop', 'db'],
      },
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
    const base = {
      severity: 'error',
      message: 'broken',
      since: '',
      dependsOn: [] as string[],
      remedies: [{ label: 'Fix it', command: 'fix' }],
    } as const;
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
    expect(json(await run('list --agents --output json'))).toMatchObject([
      { name: 'cart', workload_resource_type: 'Deployment' },
      { name: 'web' },
    ]);
    expect((await run('list -n empty --use ^dev$')).stdout).toBe(
      'No Workloads (Deployments, StatefulSets, ReplicaSets, or Rollouts)\n',
    );
    expect(inputs.at(-1)).toEqual({ namespace: 'empty', use: '^dev$' });
  });

  it('says since when others have a workload, where the traffic-manager tells', async () => {
    const cart = workload('cart', 'intercepted', ['ann'], '2026-01-02T03:04:05.678Z');
    await serve({ listWorkloads: async () => ({ workloads: [cart] }) });
    expect((await run('list')).stdout).toBe('deployment cart: intercepted by ann since 2026-01-02T03:04:05Z\n');
    expect(json(await run('list --output json'))).toMatchObject([
      { intercepted_by: ['ann'], intercept_clients: [{ client: 'ann', since: '2026-01-02T03:04:05.678Z' }] },
    ]);
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
    const documents = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as unknown);
    expect(documents).toMatchObject([
      { kind: 'snapshot', workloads: [{ name: 'api' }, { name: 'cart' }, { name: 'web' }] },
      { kind: 'removed' },
    ]);
  });
});
