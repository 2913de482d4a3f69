import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TarEntry } from './tar.ts';

/** Where programs and their files are in the image. */
export const nodePath = '/usr/bin/node';
export const nftPath = '/usr/sbin/nft';
export const appDirectory = '/app';

/**
 * The image's file system: a Node binary and nft with the shared libraries that they load, the few files that name users and say how names are
 * resolved, and the product's programs. No shell, no package manager. Certificates of the cluster are mounted by Kubernetes.
 */
export function rootFiles(nodeBinary: string, programs: ReadonlyMap<string, Uint8Array>): readonly TarEntry[] {
  const files = new Map<string, { readonly mode: number; readonly content: Uint8Array }>();
  const add = (path: string, content: string | Uint8Array, mode = 0o644) =>
    files.set(path, { mode, content: typeof content === 'string' ? Buffer.from(content) : content });
  add(nodePath, stripped(nodeBinary), 0o755);
  add(nftPath, readFileSync(nftPath), 0o755);
  for (const library of [nodeBinary, nftPath].flatMap(sharedLibraries)) add(library, readFileSync(library), 0o755);
  add('/etc/passwd', 'root:x:0:0:root:/root:/sbin/nologin\ntelepresence:x:1000:1000::/tmp:/sbin/nologin\n');
  add('/etc/group', 'root:x:0:\ntelepresence:x:1000:\n');
  add('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  for (const [name, content] of programs) add(`${appDirectory}/${name}`, content);
  const directories = new Set([...files.keys()].flatMap(parents));
  return [
    ...[...directories].map((path): TarEntry => ({ kind: 'directory', path: relative(path), mode: 0o755 })),
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    ...[...files].map(([path, { mode, content }]): TarEntry => ({ kind: 'file', path: relative(path), mode, content })),
  ];
}

/** The dynamic linker and the libraries that it would load, as the linker itself lists them. */
function sharedLibraries(program: string): readonly string[] {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' });
  return listed.split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** Without symbols that only a debugger reads; as it is where `strip` is not installed. */
function stripped(program: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'telepresence-image-'));
  try {
    const copy = join(directory, 'node');
    execFileSync('strip', ['-o', copy, program], { stdio: 'ignore' });
    return readFileSync(copy);
  } catch {
    return readFileSync(program);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function parents(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === '/' ? [] : [...parents(parent), parent];
}

function relative(path: string): string {
  return path.slice(1);
}
