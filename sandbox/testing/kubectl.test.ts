import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findKubectl } from './kubectl.ts';

describe('the kubectl that tests use', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tpsb-find-'));
  const program = (folder: string) => {
    mkdirSync(join(directory, folder), { recursive: true });
    const path = join(directory, folder, 'kubectl');
    writeFileSync(path, '');
    chmodSync(path, 0o755);
    return path;
  };
  afterAll(() => rmSync(directory, { recursive: true }));

  it('is the one of PATH, else the one of the cluster of the tests', () => {
    const [first, prepared] = [program('path'), program('state/bin')];
    const env = { PATH: `${join(directory, 'empty')}:${join(directory, 'path')}`, CLUSTER_STATE: join(directory, 'state') };
    expect(findKubectl(env)).toBe(first);
    expect(findKubectl({ ...env, PATH: join(directory, 'empty') })).toBe(prepared);
    expect(findKubectl({ ...env, KUBECTL: prepared })).toBe(prepared);
  });

  it('is made ready from the programs of the cluster, and its absence has a reason', () => {
    const env = { PATH: programsWithoutKubectl(), CLUSTER_STATE: join(directory, 'new'), CLUSTER_DIST: join(directory, 'dist') };
    expect(() => findKubectl(env)).toThrow(/none can be made ready: cluster\.sh: there is no ready-made kubectl in/);
    expect(existsSync(env.CLUSTER_STATE)).toBe(false);
    mkdirSync(env.CLUSTER_DIST);
    const compressed = execFileSync('xz', ['-c'], { input: '#!/bin/sh\necho ready\n' });
    writeFileSync(join(env.CLUSTER_DIST, 'hyper.xz'), compressed);
    const found = findKubectl(env);
    expect(found).toBe(join(env.CLUSTER_STATE, 'bin/kubectl'));
    expect(execFileSync(found, { encoding: 'utf8' })).toBe('ready\n');
  });

  /** A `PATH` with what the script needs. */
  function programsWithoutKubectl(): string {
    const folder = join(directory, 'programs');
    mkdirSync(folder);
    for (const name of ['bash', 'chmod', 'cut', 'date', 'dirname', 'env', 'ln', 'mkdir', 'mv', 'xz']) {
      const path = ['/usr/bin', '/bin'].map((from) => join(from, name)).find((candidate) => existsSync(candidate)) ?? '';
      writeFileSync(join(folder, name), `#!/bin/sh\nexec ${path} "$@"\n`, { mode: 0o755 });
    }
    return folder;
  }
});
