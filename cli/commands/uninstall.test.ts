import { describe, expect, it } from 'vitest';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { closers, connection, json, run, serve } from '../testing/cli-harness.ts';

describe('uninstall', () => {
  it('removes agents of named workloads, or all', async () => {
    const inputs: CallInput<'uninstallAgents'>[] = [];
    await serve({
      uninstallAgents: async (input, { emit }) => {
        inputs.push(input);
        emit({ stage: 'Waiting for pods without agents' });
        if (input.workloads.includes('plain')) return { removed: [] };
        const names = input.all ? ['shop', 'cart'] : input.workloads;
        return { removed: names.map((name) => ({ name, namespace: 'shop' })) };
      },
    });
    expect(await run('uninstall shop cart --use dev --progress plain')).toEqual({
      code: 0,
      stdout: 'Removed the agents of shop.shop\nRemoved the agents of cart.shop\n',
      stderr: 'Waiting for pods without agents\n',
    });
    expect(json(await run('uninstall --all-agents --output json'))).toEqual({
      removed: [
        { name: 'shop', namespace: 'shop' },
        { name: 'cart', namespace: 'shop' },
      ],
    });
    expect((await run('uninstall plain')).stdout).toBe('No agents in plain\n');
    expect(inputs).toEqual([
      { use: 'dev', workloads: ['shop', 'cart'], all: false },
      { workloads: [], all: true },
      { workloads: ['plain'], all: false },
    ]);
  });

  it('removes the traffic-manager that is connected to, and ends the daemons', async () => {
    const inputs: CallInput<'uninstall'>[] = [];
    const context = { name: 'dev', cluster: 'c', user: 'u', namespace: 'shop', current: true };
    const serveAll = async (server = `${connection.server}/`, names = ['dev-shop']) =>
      await serve(
        {
          uninstall: async (input) => {
            inputs.push(input);
            return { removed: ['Deployment/traffic-manager'], namespace: 'ambassador' };
          },
          listContexts: async () => ({ contexts: [{ ...context, server }] }),
          quit: async () => (setImmediate(() => void closers.pop()?.()), {}),
        },
        fakeState({ connections: Object.fromEntries(names.map((name) => [name, { ...connection, name }])) }),
      );
    await serveAll();
    expect(json(await run('uninstall --everything --output json'))).toEqual({
      removed: ['Deployment/traffic-manager'],
      namespace: 'ambassador',
      stopped: true,
    });
    await serveAll();
    expect((await run('uninstall -e --context prod --manager-namespace tele')).stdout).toContain('daemons stopped');
    await serveAll('https://elsewhere:6443');
    expect((await run('uninstall --everything')).stderr).toContain('does not name');
    await closers.pop()?.();
    await serveAll(undefined, ['dev-shop', 'dev-cart']);
    expect((await run('uninstall --everything')).stderr).toContain('There are several connections');
    expect(inputs).toEqual([
      { kubeFlags: { context: 'dev' }, managerNamespace: 'ambassador', dryRun: false },
      { kubeFlags: { context: 'prod' }, managerNamespace: 'tele', dryRun: false },
    ]);
  });

  it('wants one way of saying what goes, and a connection', async () => {
    expect(await run('uninstall')).toMatchObject({ code: 2 });
    expect((await run('uninstall shop --all-agents')).stderr).toContain('exclude each other');
    expect((await run('uninstall shop')).stderr).toContain('Not connected');
    expect((await run('uninstall --help')).stdout).toContain('telepresence uninstall --all-agents');
  });

  it('tells what a traffic-manager without the call means', async () => {
    const message = 'This traffic-manager cannot remove agents at the request of a laptop';
    await serve({ uninstallAgents: () => Promise.reject(new AppError({ code: 'unsupported', message })) });
    expect(await run('uninstall --all-agents')).toMatchObject({
      code: 2,
      stderr: `telepresence uninstall: error: ${message}\n`,
    });
  });
});
