import type * as fileSystem from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { startMachine } from './machine.ts';

const missing = new Set<string>();
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof fileSystem>();
  const existsSync = (path: string) => !missing.has(path.split('/').at(-1) ?? '') && fs.existsSync(path);
  return { ...fs, existsSync };
});

describe.skipIf(process.platform !== 'linux')('a machine that lacks something', () => {
  it('says which programs, and how to get them', async () => {
    for (const program of ['nft', 'unshare']) missing.add(program);
    await expect(startMachine(tmpdir())).rejects.toMatchObject({
      code: 'sandbox.unsupported',
      message: 'The sandbox needs programs that are not installed: nft, unshare',
      remedies: [{ label: 'Install them', command: expect.stringContaining('nftables util-linux') as string }],
    });
  });
});
