import { readFileSync, statSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { run, serve } from '../testing/cli-harness.ts';

it('keeps a kubeconfig from standard input where only the user reads it, the same text at the same place', async () => {
  const inputs: CallInput<'listContexts'>[] = [];
  await serve({
    listContexts: async (input) => {
      inputs.push(input);
      return { contexts: [] };
    },
  });
  for (const stdin of ['contexts: []', 'contexts: []', 'contexts: [] # other']) {
    expect(await run('list-contexts --kubeconfig -', { stdin })).toMatchObject({ code: 0 });
  }
  const paths = inputs.map(({ kubeFlags }) => kubeFlags.kubeconfig ?? '');
  expect(new Set(paths).size).toBe(2);
  expect(paths[0]).toBe(paths[1]);
  expect(readFileSync(paths[0] ?? '', 'utf8')).toBe('contexts: []');
  expect(statSync(paths[0] ?? '').mode & 0o777).toBe(0o600);
});
