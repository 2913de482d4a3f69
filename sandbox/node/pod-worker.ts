import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PodNetwork } from '../network/cluster-network.ts';
import { dial } from '../network/dial.ts';
import { kubeTime } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import { ContainerConfigError } from './container-config-error.ts';
import { type ContainerKind, type ContainerRunner, createContainerRunner } from './container-runner.ts';
import { hostnameOf } from './container-settings.ts';
import type { NodeContext, PodHost } from './pod-host.ts';
import { podStatus } from './pod-status.ts';
import { type Container, isSidecar, type Pod } from './pod-types.ts';
import { writeVolumes } from './volumes.ts';

/** One pod of the node, from its arrival until nothing of it is left. */
export interface PodWorker {
  readonly uid: string;
  readonly ip: string | undefined;
  readonly namespace: string | undefined;
  container(name: string): ContainerRunner | undefined;
  /** One of its processes, as seen from outside of the machine. */
  someProcess(): number | undefined;
  /** Something outside has changed that the pod's status depends on. */
  refresh(): void;
  /** Ends it within the time given; a later call can only make it sooner. */
  end(graceMs: number): Promise<void>;
  /** Ends what runs, to be started again as after a crash. */
  kill(): Promise<void>;
}

/** How often volumes are brought up to date with ConfigMaps and Secrets. */
const volumeRefreshMs = 5_000;
const volumeRetryMs = 500;

export function startPodWorker(node: NodeContext, first: Pod): PodWorker {
  const { namespace = '', name, uid } = first.metadata;
  const directory = join(node.directory, 'pods', uid);
  const ending = new AbortController();
  const startTime = kubeTime(new Date());
  let network: PodNetwork | undefined;
  let runners: readonly ContainerRunner[] = [];
  let isInitialized = false;
  let deadlineMs = Number.POSITIVE_INFINITY;
  let ended: Promise<void> | undefined;
  let isPublishing = false;
  const stored = () => {
    const current = node.store.get<Pod>(resources.pods, namespace, name);
    return current?.metadata.uid === uid ? current : undefined;
  };
  let last = first;
  const pod = () => {
    last = stored() ?? last;
    return last;
  };

  /** Many changes at once are one change of the status. */
  function publish(): void {
    if (isPublishing) return;
    isPublishing = true;
    queueMicrotask(() => {
      isPublishing = false;
      writeStatus();
    });
  }

  function writeStatus(): void {
    if (stored() === undefined) return;
    const view = { runners, isInitialized, startTime, hostIp: node.network.nodeIp, ip: network?.ip };
    node.store.patch<Pod>(resources.pods, namespace, name, (current) => ({ ...current, status: podStatus(current, view) }));
  }

  async function run(): Promise<void> {
    network = await node.network.addPod(uid.slice(0, 13));
    if (ending.signal.aborted) return;
    const host = hostOf(network);
    writeOwnFiles(node, pod(), network.ip, directory);
    publishAddress(network);
    await prepareVolumes();
    runners = allRunners(host, pod());
    publish();
    const background: Promise<boolean>[] = [];
    for (const runner of runners) {
      if (ending.signal.aborted) return;
      if (runner.kind === 'main') continue;
      if (runner.kind === 'sidecar') {
        background.push(runner.run());
        await Promise.race([runner.started, aborted()]);
      } else if (!(await runner.run())) {
        publish();
        return;
      }
    }
    isInitialized = true;
    publish();
    const refreshing = refreshVolumes();
    await Promise.all(runners.filter(({ kind }) => kind === 'main').map(async (runner) => await runner.run()));
    // The pod has done its work: sidecars go with it.
    ending.abort();
    await Promise.all(runners.filter(({ kind }) => kind === 'sidecar').map(async (runner) => await runner.stop(2_000)));
    await Promise.all([...background, refreshing]);
    publish();
  }

  function hostOf(of: PodNetwork): PodHost {
    return {
      node,
      directory,
      network: of,
      pod,
      publish,
      ending: ending.signal,
      isNeverReady: () => node.faults.isNeverReady(`${namespace}/${name}`),
      dial: async (host, port, timeoutMs) => await dial(node.machine, { host, port, timeoutMs }),
    };
  }

  /** Programs learn of the address by their environment, so it is in the status before they start. */
  function publishAddress(of: PodNetwork): void {
    if (stored() === undefined) return;
    node.store.patch<Pod>(resources.pods, namespace, name, (current) => ({
      ...current,
      status: {
        ...current.status,
        phase: 'Pending',
        startTime,
        hostIP: node.network.nodeIp,
        podIP: of.ip,
        podIPs: [{ ip: of.ip }],
      },
    }));
  }

  async function prepareVolumes(): Promise<void> {
    for (;;) {
      try {
        await writeVolumes(node, pod(), join(directory, 'volumes'));
        return;
      } catch (error) {
        if (ending.signal.aborted) return;
        if (!(error instanceof ContainerConfigError)) throw error;
        node.recordEvent(pod(), {
          type: 'Warning',
          reason: 'FailedMount',
          message: `MountVolume.SetUp failed: ${error.message}`,
        });
        await delay(volumeRetryMs, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    }
  }

  async function refreshVolumes(): Promise<void> {
    while (!ending.signal.aborted) {
      await delay(volumeRefreshMs, undefined, { signal: ending.signal }).catch(() => undefined);
      if (ending.signal.aborted) return;
      // What has gone since stays as it was.
      await writeVolumes(node, pod(), join(directory, 'volumes'), true).catch(() => undefined);
    }
  }

  async function aborted(): Promise<void> {
    await new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  const work = run().catch((error: unknown) => {
    if (ending.signal.aborted) return;
    node.log.error('A pod failed', { pod: `${namespace}/${name}`, error });
    node.recordEvent(pod(), {
      type: 'Warning',
      reason: 'FailedCreatePodSandBox',
      message: `Failed to create pod sandbox: ${String(error)}`,
    });
  });

  async function finish(graceMs: number): Promise<void> {
    ending.abort();
    const stopKind = async (kinds: readonly ContainerKind[]) => {
      const left = Math.max(0, Math.min(graceMs, deadlineMs - performance.now()));
      await Promise.all(runners.filter(({ kind }) => kinds.includes(kind)).map(async (runner) => await runner.stop(left)));
    };
    await stopKind(['main', 'init']);
    await stopKind(['sidecar']);
    await work;
    writeStatus();
    await network?.remove();
    await rm(directory, { recursive: true, force: true });
  }

  return {
    uid,
    get ip() {
      return network?.ip;
    },
    get namespace() {
      return network?.namespace;
    },
    container: (wanted) => runners.find(({ container }) => container.name === wanted),
    someProcess: () => {
      for (const runner of runners) {
        const pid = runner.current()?.process.firstProcess();
        if (pid !== undefined) return pid;
      }
      return undefined;
    },
    refresh: publish,
    end: async (graceMs) => {
      const deadline = performance.now() + graceMs;
      const isSooner = deadline < deadlineMs;
      deadlineMs = Math.min(deadlineMs, deadline);
      if (ended !== undefined && isSooner && graceMs === 0) {
        for (const runner of runners) runner.current()?.process.kill('SIGKILL');
      }
      ended ??= finish(graceMs);
      await ended;
    },
    kill: async () => await Promise.all(runners.map(async (runner) => await runner.stop(0))).then(() => undefined),
  };
}

function allRunners(host: PodHost, pod: Pod): readonly ContainerRunner[] {
  const initKind = (container: Container): ContainerKind => (isSidecar(container) ? 'sidecar' : 'init');
  return [
    ...(pod.spec.initContainers ?? []).map((container) => createContainerRunner(host, container, initKind(container))),
    ...pod.spec.containers.map((container) => createContainerRunner(host, container, 'main')),
  ];
}

/** What the kubelet writes for every container of a pod. */
function writeOwnFiles({ clusterDomain, dnsIp }: NodeContext, pod: Pod, ip: string, directory: string): void {
  const { namespace = '' } = pod.metadata;
  const { hostAliases = [], subdomain, dnsConfig } = pod.spec;
  const hostname = hostnameOf(pod);
  const searches = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain, ...(dnsConfig?.searches ?? [])];
  const options = [
    'ndots:5',
    ...(dnsConfig?.options ?? []).map(({ name, value }) => (value === undefined ? name : `${name}:${value}`)),
  ];
  const fullName = subdomain === undefined ? '' : `${hostname}.${subdomain}.${namespace}.svc.${clusterDomain}\t`;
  const files = {
    'resolv.conf': `search ${searches.join(' ')}\nnameserver ${dnsIp}\noptions ${options.join(' ')}\n`,
    hosts: [
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      `${ip}\t${fullName}${hostname}`,
      ...hostAliases.map((alias) => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`),
      '',
    ].join('\n'),
    hostname: `${hostname}\n`,
  };
  mkdirSync(join(directory, 'etc'), { recursive: true });
  mkdirSync(join(directory, 'volumes'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, 'etc', name), text, { mode: 0o644 });
}
