import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Telepresence } from './telepresence.ts';

it('outlives a command that is interrupted before it reads', async () => {
  const telepresence = new Telepresence(join(import.meta.dirname, '../..'), {});
  // More than a pipe holds, so that writing it fails for certain.
  const outcome = await telepresence.run(['version'], { input: 'x'.repeat(1_000_000), signal: AbortSignal.abort() });
  expect(outcome.code).not.toBe(0);
});
