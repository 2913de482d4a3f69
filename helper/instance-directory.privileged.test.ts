import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { type InstanceFiles, lockInstance, rootlessFiles } from './instance-directory.ts';

const isRoot = process.getuid?.() === 0;

/** What another helper does when it ends, again and again. */
const endingHelper = `
  const { rmdirSync } = require('node:fs');
  const { workerData } = require('node:worker_threads');
  for (;;) {
    for (const directory of workerData) try { rmdirSync(directory) } catch {}
  }
`;

describe.skipIf(!isRoot)(`instance directory${isRoot ? '' : ' (skipped: needs root)'}`, () => {
  const root = mkdtempSync(join(tmpdir(), 'instance-directory-'));
  const parent = join(root, 'telepresence');
  const files: InstanceFiles = { ...rootlessFiles(join(parent, 'a')), parents: [parent] };

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is locked by one, and is gone with the last', () => {
    const lock = lockInstance(files);
    expect(lockInstance(files)).toBeUndefined();
    lock?.removeFiles();
    expect(existsSync(parent)).toBe(false);
  });

  it('is made again where another helper has just removed it', async () => {
    const other = new Worker(endingHelper, { eval: true, workerData: [files.directory, parent] });
    try {
      for (let round = 0; round < 300; round += 1) lockInstance(files)?.removeFiles();
    } finally {
      await other.terminate();
    }
  });
});
