import {
  type AgentConfig,
  agentConfigAnnotation,
  agentContainerName,
  agentInitContainerName,
  parseAgentConfig,
} from '#protocol/agent/agent-config.ts';
import { agentContainer, agentInitContainer, agentTmpVolume } from './agent-containers.ts';
import { appMounts } from './app-mounts.ts';
import { readInjectAnnotations } from './inject-annotations.ts';
import type { InjectorSettings } from './injector-settings.ts';
import type { PodMetadata, PodObject, PodSpec } from './pod-types.ts';
import { withDisplacedPorts } from './port-names.ts';

/** Of RFC 6902. `add` also replaces what is there. */
export interface PatchOperation {
  readonly op: 'add';
  readonly path: string;
  readonly value: unknown;
}

/** By which agents' pods are found. */
export const injectedLabel = 'telepresence.io/workloadEnabled';

const workloadNameLabel = 'telepresence.io/workloadName';
const workloadKindLabel = 'telepresence.io/workloadKind';

/** Kubernetes' limit for the value of a label. */
const maxLabelLength = 63;

/** Whether the pod has an agent of ours, be it of a version whose configuration cannot be read. */
export function isInjected({ metadata, spec }: PodObject): boolean {
  const hasAgent = spec?.containers?.some(({ name }) => name === agentContainerName) === true;
  return hasAgent && metadata?.annotations?.[agentConfigAnnotation] !== undefined;
}

/** The configuration of the agent that a pod has; `undefined` where it has none of ours. */
export function injectedConfig(pod: PodObject): AgentConfig | undefined {
  return isInjected(pod) ? parseAgentConfig(pod.metadata?.annotations?.[agentConfigAnnotation] ?? '') : undefined;
}

/**
 * What has to change in a pod that is about to be created, so that it has an agent. Nothing else of it changes, and what other
 * webhooks have put in stays. A pod with an agent already is left alone.
 */
export function podPatch(pod: PodObject, wanted: AgentConfig, settings: InjectorSettings): readonly PatchOperation[] {
  const { metadata = {}, spec = {} } = pod;
  if (spec.containers?.some(({ name }) => name === agentContainerName) === true) return [];
  const annotations = readInjectAnnotations(metadata.annotations);
  const mounted = wanted.containers.map((agent) => {
    const app = spec.containers?.find(({ name }) => name === agent.name);
    return {
      agent,
      found: app === undefined ? { volumeMounts: [], mounts: [] } : appMounts(app, agent, annotations, settings.mountPolicies),
    };
  });
  const config = { ...wanted, containers: mounted.map(({ agent, found }) => ({ ...agent, mounts: found.mounts })) };
  return [
    ...metadataChanges(metadata, config),
    ...containerChanges(
      spec,
      config,
      settings,
      mounted.flatMap(({ found }) => found.volumeMounts),
    ),
    {
      op: 'add',
      path: '/spec/volumes',
      value: [...(spec.volumes ?? []), { name: agentTmpVolume, emptyDir: {} }],
    },
    ...pullSecretChanges(spec, settings),
  ];
}

function metadataChanges(metadata: PodMetadata, config: AgentConfig): readonly PatchOperation[] {
  const { kind, name } = config.workload;
  const labels = {
    ...metadata.labels,
    [injectedLabel]: 'true',
    [workloadKindLabel]: kind,
    ...(name.length > maxLabelLength ? {} : { [workloadNameLabel]: name }),
  };
  const annotations = { ...metadata.annotations, [agentConfigAnnotation]: JSON.stringify(config) };
  return [
    { op: 'add', path: '/metadata/labels', value: labels },
    { op: 'add', path: '/metadata/annotations', value: annotations },
  ];
}

function containerChanges(
  spec: PodSpec,
  config: AgentConfig,
  settings: InjectorSettings,
  volumeMounts: Parameters<typeof agentContainer>[3],
): readonly PatchOperation[] {
  const taken = new Set((spec.containers ?? []).flatMap(({ ports = [] }) => ports.flatMap((port) => port.name ?? [])));
  const containers = (spec.containers ?? []).map((container) => {
    const agent = config.containers.find(({ name }) => name === container.name);
    return agent === undefined ? container : withDisplacedPorts(container, agent, taken);
  });
  const isRedirecting = config.containers.some(({ ports }) => ports.some(({ mode }) => mode === 'redirect'));
  const initContainers = (spec.initContainers ?? []).filter(({ name }) => name !== agentInitContainerName);
  return [
    {
      op: 'add',
      path: '/spec/containers',
      value: [...containers, agentContainer(spec, config, settings, volumeMounts)],
    },
    ...(isRedirecting
      ? [
          {
            op: 'add' as const,
            path: '/spec/initContainers',
            // Last, so that what the app's own do is over, and what a mesh sets up is there.
            value: [...initContainers, agentInitContainer(spec, config, settings)],
          },
        ]
      : []),
  ];
}

function pullSecretChanges(spec: PodSpec, { pullSecrets }: InjectorSettings): readonly PatchOperation[] {
  const present = spec.imagePullSecrets ?? [];
  const missing = pullSecrets.filter((name) => present.every((secret) => secret.name !== name));
  if (missing.length === 0) return [];
  return [{ op: 'add', path: '/spec/imagePullSecrets', value: [...present, ...missing.map((name) => ({ name }))] }];
}
