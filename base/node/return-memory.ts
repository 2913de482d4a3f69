import { readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/**
 * Gives memory back that nobody uses: what the C library keeps for later, and pages of Node's own program that only the start, or a load that
 * is over, has touched. The latter stay in the system's cache of files, and come back one by one as they are used. Some 15 ms, in which this
 * thread does nothing else. Never throws; does nothing but on Linux.
 *
 * @returns the KiB of pages that were let go.
 */
export function returnMemory(): number {
  if (process.platform !== 'linux') return 0;
  try {
    const { malloc_trim: trim, madvise } = libc();
    trim?.(0);
    const program = '/proc/self/exe';
    if (!localFileSystems.has(statfsSync(program).type)) return 0;
    let returned = 0;
    for (const { start, length, residentKib } of unwrittenMappings(
      readFileSync('/proc/self/smaps', 'latin1'),
      readlinkSync(program),
    ))
      if (madvise(start, length, MADV_DONTNEED) === 0) returned += residentKib;
    return returned;
  } catch {
    // A system without /proc, one that forbids a call, a program without koffi beside it: nothing depends on it.
    return 0;
  }
}

/** Part of the address space, in bytes. */
interface FileMapping {
  readonly start: number;
  readonly length: number;
  readonly residentKib: number;
}

// asm-generic/mman-common.h
const MADV_DONTNEED = 4;

/**
 * Where pages can be read again for as long as the process lives (linux/magic.h): ext, XFS, Btrfs, F2FS, ZFS, overlay, tmpfs. A network may be
 * gone by then, and so may the program that serves a FUSE file system, as that of an AppImage when the app has ended.
 */
const localFileSystems: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x794c7630, 0x01021994,
]);

/**
 * Private mappings of the file that cannot be written and never were, not even by the dynamic linker, from the text of /proc/PID/smaps: what
 * is in memory there is what is in the file.
 */
export function unwrittenMappings(smaps: string, file: string): readonly FileMapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((entry) => {
    const header = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+ +(.+)$/m.exec(entry);
    if (header === null || header[3] !== file) return [];
    const kib = (key: string) => Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(entry)?.[1]);
    const residentKib = kib('Rss');
    if (!(residentKib > 0) || kib('Anonymous') !== 0 || kib('Private_Dirty') !== 0 || kib('Swap') !== 0) return [];
    const start = Number.parseInt(header[1] ?? '', 16);
    return [{ start, length: Number.parseInt(header[2] ?? '', 16) - start, residentKib }];
  });
}

interface Libc {
  readonly madvise: (start: number, length: number, advice: number) => number;
  /** Not in every C library. */
  readonly malloc_trim: ((keep: number) => number) | undefined;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  // Not with the program: init containers and commands that never rest start without it.
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const madvise = library.func('int madvise(uintptr_t, size_t, int)') as Libc['madvise'];
  let trim: Libc['malloc_trim'];
  try {
    trim = library.func('int malloc_trim(size_t)') as Libc['malloc_trim'];
  } catch {
    // musl returns what is free by itself.
  }
  loaded = { madvise, malloc_trim: trim };
  return loaded;
}
