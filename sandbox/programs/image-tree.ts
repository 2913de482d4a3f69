import { existsSync, lstatSync, readlinkSync, statSync } from 'node:fs';
import type { ImageDefinition } from './images.ts';
import { quote } from './shell.ts';

/** What of this machine's `/etc` programs need; the rest is the image's own. */
const systemConfiguration = [
  'ssl',
  'pki',
  'ca-certificates',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'alternatives',
  'protocols',
  'services',
  'localtime',
];

/** Folders of programs, which an image can add to or replace, as links one by one. */
const programFolders = ['bin', 'sbin'];
const libraryFolders = ['lib', 'lib32', 'lib64', 'libx32', 'libexec', 'share'];
const topLibraryFolders = ['lib', 'lib32', 'lib64', 'libx32'];
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

const passwd = 'root:x:0:0:root:/root:/bin/sh\\nuser:x:1000:1000::/tmp:/bin/sh\\nnobody:x:65534:65534::/:/bin/sh\\n';
const group = 'root:x:0:\\nuser:x:1000:\\nnogroup:x:65534:\\n';

/** The folders at the top of an image's tree, each of which a container sees. */
export function topFolders(image: ImageDefinition): readonly string[] {
  const libraries = topLibraryFolders.filter((name) => existsSync(`/${name}`) && !isLink(`/${name}`));
  return [
    ...new Set([
      'usr',
      'etc',
      '.system',
      ...libraries,
      ...Object.keys(image.files).map((path) => followRootLink(path).split('/')[1] ?? ''),
    ]),
  ];
}

/**
 * The shell script that lays out an image at `tree`: the system's programs and libraries, read-only, with the image's own files in front
 * of them. Nothing is copied. It runs where mounts are the sandbox's own.
 */
export function imageTreeScript(tree: string, image: ImageDefinition): string {
  return `
readonly_bind() { mount --rbind "$1" "$2"; mount -o remount,bind,ro "$2" 2>/dev/null || true; }
t=${quote(tree)}
mkdir -p "$t/usr" "$t/etc" "$t/.system"
# Programs that are links themselves lead there.
ln -s ../usr/lib ../usr/share "$t/.system/"
${programFolders.map(linkPrograms).join('\n')}
${libraryFolders
  .filter((folder) => existsSync(`/usr/${folder}`) && !isLink(`/usr/${folder}`))
  .map((folder) => `mkdir "$t/usr/${folder}"\nreadonly_bind /usr/${folder} "$t/usr/${folder}"`)
  .join('\n')}
${topLibraryFolders.flatMap(topLibraries).join('\n')}
for name in ${systemConfiguration.join(' ')}; do
  [ -e "/etc/$name" ] || continue
  if [ -d "/etc/$name" ]; then mkdir "$t/etc/$name"; else : > "$t/etc/$name"; fi
  readonly_bind "/etc/$name" "$t/etc/$name"
done
printf '${passwd}' > "$t/etc/passwd"
printf '${group}' > "$t/etc/group"
printf 'passwd: files\\ngroup: files\\nhosts: files dns\\n' > "$t/etc/nsswitch.conf"
: > "$t/etc/resolv.conf"; : > "$t/etc/hosts"; : > "$t/etc/hostname"
${Object.entries(image.files).map(placeFile).join('\n')}
`;
}

/** Links at the root of every container that lead into `/usr`, as on this machine. */
export function rootLinks(): readonly { readonly name: string; readonly target: string }[] {
  const libraries = topLibraryFolders
    .filter((name) => isLink(`/${name}`))
    .map((name) => ({ name, target: readlinkSync(`/${name}`) }));
  return [...programFolders.map((name) => ({ name, target: `usr/${name}` })), ...libraries];
}

/** Lays out `/dev` once for all containers. */
export function devicesScript(tree: string): string {
  return `
d=${quote(tree)}
mkdir -p "$d/shm" "$d/pts"
chmod 1777 "$d/shm"
for name in ${devices.join(' ')}; do : > "$d/$name"; mount --bind "/dev/$name" "$d/$name"; done
ln -s /proc/self/fd "$d/fd"
ln -s /proc/self/fd/0 "$d/stdin"; ln -s /proc/self/fd/1 "$d/stdout"; ln -s /proc/self/fd/2 "$d/stderr"
`;
}

function linkPrograms(folder: string): string {
  return `
mkdir "$t/.system/${folder}" "$t/usr/${folder}"
readonly_bind /usr/${folder} "$t/.system/${folder}"
(cd "$t/usr/${folder}" && ln -s ../../.system/${folder}/* .)`;
}

/** Where libraries are not below `/usr`, they are mounted where they are. */
function topLibraries(name: string): readonly string[] {
  if (!existsSync(`/${name}`) || isLink(`/${name}`)) return [];
  return [`mkdir "$t/${name}"`, `readonly_bind /${name} "$t/${name}"`];
}

/** A path as it is where the root's own links have been followed: `/bin/app` is `/usr/bin/app`. */
function followRootLink(path: string): string {
  const [, first = '', ...rest] = path.split('/');
  const link = rootLinks().find(({ name }) => name === first);
  return link === undefined ? path : `/${[link.target, ...rest].join('/')}`;
}

function placeFile([target, source]: readonly [string, string]): string {
  const path = `"$t"${quote(followRootLink(target))}`;
  const make = statSync(source).isDirectory() ? `mkdir -p ${path}` : `mkdir -p "$(dirname ${path})"; rm -f ${path}; : > ${path}`;
  return `${make}\nreadonly_bind ${quote(source)} ${path}`;
}

function isLink(path: string): boolean {
  return existsSync(path) && lstatSync(path).isSymbolicLink();
}
