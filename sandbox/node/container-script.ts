import { quote } from '../programs/shell.ts';

/** Everything that the first shell of a container has to know. */
export interface ContainerSetup {
  /** Inside of the machine: where the root is put together, the tree of the image, and the devices of all containers. */
  readonly rootDirectory: string;
  readonly imageTree: string;
  readonly devicesTree: string;
  /** Folders of the image's tree. */
  readonly topFolders: readonly string[];
  readonly rootLinks: readonly { readonly name: string; readonly target: string }[];
  readonly hostname: string;
  readonly mounts: readonly ContainerMount[];
  readonly workingDirectory: string;
  readonly identity: ContainerIdentity;
  readonly command: readonly string[];
}

export interface ContainerMount {
  /** On this machine. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly isFile: boolean;
}

export interface ContainerIdentity {
  /** Absent: users cannot be told apart here. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** Capabilities in lower case, without `cap_`; `all`: every one. */
  readonly capabilities: readonly string[] | 'all';
  readonly canGainPrivileges: boolean;
  readonly isRootReadOnly: boolean;
}

/** Folders of every container's own, gone with it. */
const ownFolders = ['root', 'home', 'var', 'var/tmp', 'var/log', 'var/run', 'run', 'opt', 'srv', 'mnt'];

/** Where the script says that its program is next. */
export const readyDescriptor = 3;

/**
 * The script of a container's first process, which its program then replaces. It runs in fresh namespaces for mounts, processes and host
 * name, in the network of the pod, with the container's environment.
 */
export function containerScript(setup: ContainerSetup): string {
  const { rootDirectory, imageTree, devicesTree, identity } = setup;
  return `
own_path=$PATH
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
r=${quote(rootDirectory)}
hostname ${quote(setup.hostname)}
mount -t tmpfs -o mode=755 container "$r"
cd "$r"
mkdir -p proc dev tmp ${ownFolders.join(' ')}
chmod 1777 tmp var/tmp
for name in ${setup.topFolders.map(quote).join(' ')}; do mkdir -p "$name"; mount --rbind ${quote(imageTree)}/"$name" "$name"; done
${setup.rootLinks.map(({ name, target }) => `ln -s ${quote(target)} ${quote(name)}`).join('\n')}
mount -t proc proc proc
${identity.capabilities === 'all' ? '' : 'mount --bind proc/sys proc/sys\nmount -o remount,bind,ro proc/sys\n[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger'}
mount --rbind ${quote(devicesTree)} dev
${setup.mounts.map(mountLine).join('\n')}
mkdir -p ./${quote(setup.workingDirectory)}
${identity.isRootReadOnly ? 'mount -o remount,bind,ro . || true' : ''}
pivot_root . mnt
cd /
umount -l /mnt
cd ${quote(setup.workingDirectory)}
unset OLDPWD PWD
PATH=$own_path
echo >&${readyDescriptor}
exec ${readyDescriptor}>&-
exec /usr/bin/setpriv ${[...setprivOptions(identity), '--', ...setup.command].map(quote).join(' ')}
`;
}

/** The options that give a process the container's identity; `exec` into it takes the same. */
export function setprivOptions({ user, capabilities, canGainPrivileges }: ContainerIdentity): readonly string[] {
  const set = capabilities === 'all' ? undefined : ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  return [
    ...(set === undefined ? [] : [`--bounding-set=${set}`, `--inh-caps=${set}`]),
    ...(user === undefined
      ? []
      : [
          `--regid=${user.gid}`,
          user.groups.length === 0 ? '--clear-groups' : `--groups=${user.groups.join(',')}`,
          // Last, for whoever is not root cannot set the others.
          `--reuid=${user.uid}`,
        ]),
    ...(canGainPrivileges ? [] : ['--no-new-privs']),
  ];
}

function mountLine({ source, target, isReadOnly, isFile }: ContainerMount): string {
  const path = quote(`.${target}`);
  const make = isFile ? `mkdir -p "$(dirname ${path})"; [ -e ${path} ] || : > ${path}` : `mkdir -p ${path}`;
  return [
    make,
    `mount --rbind ${quote(source)} ${path}`,
    ...(isReadOnly ? [`mount -o remount,bind,ro ${path} || true`] : []),
  ].join('\n');
}
