import type { NodeImage } from '../programs/image-store.ts';
import { rootLinks, topFolders } from '../programs/image-tree.ts';
import { ContainerConfigError } from './container-config-error.ts';
import type { ContainerStart } from './container-process.ts';
import type { ContainerIdentity, ContainerMount } from './container-script.ts';
import { expandVariables, podEnvironment } from './pod-environment.ts';
import type { PodHost } from './pod-host.ts';
import type { Container, Pod } from './pod-types.ts';
import { volumeMounts } from './volumes.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What container runtimes leave to root unless a container asks for more or less. */
const defaultCapabilities = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'mknod',
  'audit_write',
  'setfcap',
];

/**
 * Everything that starting a container takes.
 *
 * @throws ContainerConfigError where the pod refers to something that is not there or asks for what cannot be
 */
export function containerStart(host: PodHost, pod: Pod, container: Container, image: NodeImage): ContainerStart {
  const { definition, tree } = image;
  const environment = {
    PATH: defaultPath,
    HOSTNAME: hostnameOf(pod),
    ...definition.env,
    ...podEnvironment(host.node.store, pod, container),
  };
  const expand = (words: readonly string[]) => words.map((word) => expandVariables(word, environment));
  // A command of the pod's takes the place of the image's entrypoint and arguments.
  const command =
    container.command === undefined || container.command.length === 0
      ? [...definition.entrypoint, ...(container.args === undefined ? definition.arguments : expand(container.args))]
      : [...expand(container.command), ...expand(container.args ?? [])];
  if (command.length === 0) throw new ContainerConfigError('no command specified');
  return {
    rootDirectory: `${host.node.machine.runDirectory}/root`,
    imageTree: tree,
    devicesTree: host.node.images.devicesTree,
    topFolders: topFolders(definition),
    rootLinks: rootLinks(),
    hostname: hostnameOf(pod),
    mounts: [...ownFiles(host.directory), ...volumeMounts(container, pod, `${host.directory}/volumes`)].toSorted(
      (a, b) => a.target.length - b.target.length,
    ),
    workingDirectory: container.workingDir ?? definition.workingDirectory,
    identity: identityOf(host, pod, container, image),
    command,
    network: host.network.namespace,
    environment,
    scriptFile: `${host.directory}/${container.name}.sh`,
  };
}

/** The host name that a pod's containers see. */
export function hostnameOf(pod: Pod): string {
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, 63);
}

function ownFiles(directory: string): readonly ContainerMount[] {
  return ['resolv.conf', 'hosts', 'hostname'].map((name) => ({
    source: `${directory}/etc/${name}`,
    target: `/etc/${name}`,
    isReadOnly: false,
    isFile: true,
  }));
}

function identityOf(host: PodHost, pod: Pod, container: Container, { definition }: NodeImage): ContainerIdentity {
  const own = container.securityContext ?? {};
  const shared = pod.spec.securityContext ?? {};
  const uid = own.runAsUser ?? shared.runAsUser ?? definition.user.uid;
  const gid = own.runAsGroup ?? shared.runAsGroup ?? definition.user.gid;
  if (own.runAsNonRoot === true && uid === 0) {
    throw new ContainerConfigError(`container has runAsNonRoot and image will run as root (container: ${container.name})`);
  }
  const groups = [...(shared.supplementalGroups ?? []), ...(shared.fsGroup === undefined ? [] : [shared.fsGroup])];
  const { add = [], drop = [] } = own.capabilities ?? {};
  const named = (names: readonly string[]) => names.map((name) => name.toLowerCase().replace(/^cap_/, ''));
  const kept = named(drop).includes('all') ? [] : defaultCapabilities.filter((name) => !named(drop).includes(name));
  return {
    ...(host.node.machine.hasUsers ? { user: { uid, gid, groups } } : {}),
    capabilities: own.privileged === true || named(add).includes('all') ? 'all' : [...new Set([...kept, ...named(add)])],
    canGainPrivileges: own.allowPrivilegeEscalation ?? true,
    isRootReadOnly: own.readOnlyRootFilesystem ?? false,
  };
}
