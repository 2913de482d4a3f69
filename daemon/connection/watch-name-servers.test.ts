import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type NameServerWatch, watchNameServers } from './watch-name-servers.ts';

describe("the watch on the laptop's name servers", () => {
  let directory: string;
  let file: string;
  let watch: NameServerWatch;
  const onChange = vi.fn<() => void>();

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'name-servers-'));
    file = join(directory, 'resolv.conf');
    writeFileSync(file, 'nameserver 192.0.2.1\n');
    onChange.mockClear();
    watch = watchNameServers(onChange, { files: [file, join(directory, 'none')], everyMs: 5 });
  });

  afterEach(() => {
    watch[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });

  it('sees a file that is written in place, and one that is replaced', async () => {
    writeFileSync(file, 'nameserver 192.0.2.2\n');
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(1));
    writeFileSync(`${file}.new`, 'nameserver 192.0.2.3\n');
    renameSync(`${file}.new`, file);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(2));
    rmSync(file);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(3));
  });

  it('makes nothing of comments, of what was accepted, and of another connection that takes the hook', async () => {
    writeFileSync(file, '# telepresence 0123456789ab: hooked\nnameserver 198.18.0.1\n');
    watch.accept();
    writeFileSync(file, '# telepresence 0123456789ab: hooked\nnameserver 198.18.0.9\n');
    writeFileSync(`${file}.new`, 'nameserver 192.0.2.2\n');
    watch.accept();
    writeFileSync(file, '# a comment more\n# telepresence\n');
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(1));
    writeFileSync(file, '# another\n');
    writeFileSync(file, 'nameserver 192.0.2.9\n');
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(2));
  });
});
