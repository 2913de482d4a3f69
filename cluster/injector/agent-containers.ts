import {
  type AgentConfig,
  agentConfigAnnotation,
  agentContainerName,
  agentInitContainerName,
  agentVariables,
} from '#protocol/agent/agent-config.ts';
import { prefixedEnvironment } from './app-environment.ts';
import type { InjectorSettings } from './injector-settings.ts';
import type { Container, EnvVariable, PodSpec, SecurityContext, VolumeMount } from './pod-types.ts';

/** Volume of the agent's own, for the one place where it may write. */
export const agentTmpVolume = 'tel-agent-tmp';

/** As in the image. */
const [node, program] = ['/usr/bin/node', '/app/agent.js'];
const imageUserId = 1000;

/** The container that takes the traffic of the others. It passes the "restricted" Pod Security Standard. */
export function agentContainer(
  spec: PodSpec,
  config: AgentConfig,
  settings: InjectorSettings,
  appVolumeMounts: readonly VolumeMount[],
): Container {
  const copies = config.containers.flatMap(({ name, envPrefix }) => {
    const app = spec.containers?.find((container) => container.name === name);
    return app === undefined ? [] : [prefixedEnvironment(app, envPrefix)];
  });
  const envFrom = copies.flatMap((copy) => copy.envFrom);
  const probe = (path: string) => ({ httpGet: { path, port: config.healthPort }, timeoutSeconds: 3 });
  return {
    name: agentContainerName,
    image: config.agentImage,
    imagePullPolicy: settings.pullPolicy,
    command: [node, program],
    env: [...ownEnvironment, ...copies.flatMap((copy) => copy.env)],
    ...(envFrom.length === 0 ? {} : { envFrom }),
    ports: [
      ...new Map(
        config.containers.flatMap((container) =>
          container.ports.map(({ agentPort, protocol, mode, name }) => [
            `${agentPort} ${protocol}`,
            { ...(mode === 'named' && name !== undefined ? { name } : {}), containerPort: agentPort, protocol },
          ]),
        ),
      ).values(),
      { containerPort: config.apiPort, protocol: 'TCP' },
    ],
    // Who waits for it is a person. A startup probe would come before the first of these, and the kubelet takes a moment between the two.
    readinessProbe: { ...probe('/readyz'), periodSeconds: 1 },
    resources: settings.resources,
    securityContext: agentSecurity(spec, config, settings),
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: agentTmpVolume, mountPath: '/tmp' }, ...appVolumeMounts],
  };
}

/** The container that sets up the redirect and ends: the only one with a privilege, and only in pods that need it. */
export function agentInitContainer(spec: PodSpec, config: AgentConfig, settings: InjectorSettings): Container {
  return {
    name: agentInitContainerName,
    image: config.agentImage,
    imagePullPolicy: settings.pullPolicy,
    command: [node, program, 'init'],
    env: ownEnvironment,
    resources: settings.initResources,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] },
      readOnlyRootFilesystem: true,
      // Capabilities of others than root are not effective.
      runAsNonRoot: false,
      runAsUser: 0,
      runAsGroup: 0,
      ...inheritedProfiles(spec),
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

const ownEnvironment: readonly EnvVariable[] = [
  fieldVariable(agentVariables.config, `metadata.annotations['${agentConfigAnnotation}']`),
  fieldVariable(agentVariables.podName, 'metadata.name'),
  fieldVariable(agentVariables.podIp, 'status.podIP'),
  fieldVariable(agentVariables.podUid, 'metadata.uid'),
  fieldVariable(agentVariables.nodeName, 'spec.nodeName'),
];

function fieldVariable(name: string, fieldPath: string): EnvVariable {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

/** With the user of the app, whose files it then can read, unless that is root. */
function agentSecurity(spec: PodSpec, config: AgentConfig, settings: InjectorSettings): SecurityContext {
  const app = spec.containers?.find(({ name }) => name === config.containers[0]?.name);
  const appUser = app?.securityContext?.runAsUser ?? spec.securityContext?.runAsUser ?? 0;
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: appUser === 0 ? imageUserId : appUser,
    ...inheritedProfiles(spec, app),
    ...settings.securityContext,
    // The redirect tells the agent's traffic by it.
    runAsGroup: config.agentGroupId,
  };
}

function inheritedProfiles(spec: PodSpec, app?: Container): SecurityContext {
  const given = app?.securityContext;
  return {
    seccompProfile: given?.seccompProfile ?? spec.securityContext?.seccompProfile ?? { type: 'RuntimeDefault' },
    ...(given?.appArmorProfile === undefined ? {} : { appArmorProfile: given.appArmorProfile }),
  };
}
