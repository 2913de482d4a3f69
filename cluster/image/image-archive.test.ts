import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageArchive } from './image-archive.ts';
import { rootFiles } from './root-files.ts';
import type { TarEntry } from './tar.ts';

const entries: readonly TarEntry[] = [
  { kind: 'file', path: 'app/manager.js', mode: 0o644, content: Buffer.from('hello') },
  { kind: 'directory', path: 'app', mode: 0o755 },
  { kind: 'link', path: 'app/link', target: 'manager.js' },
];
const image = (content: readonly TarEntry[]) =>
  imageArchive({ reference: 'localhost/x:1', architecture: 'amd64', entries: content, config: { User: '1000' } });

describe('the image', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'image-test-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is the same whenever and in whatever order it is put together', () => {
    expect(image(entries.toReversed()).archive.equals(image(entries).archive)).toBe(true);
    const [file, ...others] = entries;
    const changed = image([{ ...(file as TarEntry & { kind: 'file' }), content: Buffer.from('other') }, ...others]);
    expect(changed.digest).not.toBe(image(entries).digest);
  });

  it('is an archive that tar reads, with root as owner and no times', () => {
    const { archive, digest } = image(entries);
    const outer = join(directory, 'image.tar');
    writeFileSync(outer, archive);
    const manifest = JSON.parse(execFileSync('tar', ['-xOf', outer, 'manifest.json'], { encoding: 'utf8' })) as unknown;
    expect(manifest).toEqual([
      { Config: `${digest.slice('sha256:'.length)}.json`, RepoTags: ['localhost/x:1'], Layers: ['layer.tar'] },
    ]);
    const inner = join(directory, 'layer.tar');
    writeFileSync(inner, execFileSync('tar', ['-xOf', outer, 'layer.tar']));
    const listed = execFileSync('tar', ['--numeric-owner', '--utc', '-tvf', inner], { encoding: 'utf8' });
    expect(
      listed
        .trim()
        .split('\n')
        .map((line) => line.replaceAll(/\s+/g, ' ')),
    ).toEqual([
      'drwxr-xr-x 0/0 0 1970-01-01 00:00 app/',
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00 app/link -> manager.js',
      '-rw-r--r-- 0/0 5 1970-01-01 00:00 app/manager.js',
    ]);
  });

  it.skipIf(process.platform !== 'linux')('has every library that its program loads, and a writable /tmp', () => {
    // A small program will do: what is added to it does not depend on its size.
    const files = rootFiles('/bin/ls', new Map([['manager.js', Buffer.from('')]]));
    const paths = files.map(({ path }) => path);
    expect(paths).toContain('usr/bin/node');
    expect(paths.some((path) => path.includes('libc.so'))).toBe(true);
    expect(paths.some((path) => path.includes('ld-linux'))).toBe(true);
    expect(files).toContainEqual({ kind: 'directory', path: 'tmp', mode: 0o1777 });
  });
});
