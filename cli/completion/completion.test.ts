import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { connection, directory, run, serve, workload } from '../testing/cli-harness.ts';

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
    const { completeValue } = await import('../completion/value-candidates.ts');
    const io = { env: { TELEPRESENCE_RUNTIME_DIR: join(directory, 'run') } } as unknown as Parameters<typeof completeValue>[2];
    expect(await completeValue('workload', {}, io)).toEqual(['web']);
    expect(await complete('uninstall', '')).toEqual(['web']);
    expect(await complete('uninstall', 'web', 'w')).toEqual(['web']);
  });

  it('prints a script for each shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish', 'powershell'])
      expect((await run(`completion ${shell}`)).stdout).toContain('__complete');
  });
});
