import { hasInjector } from './injector-objects.ts';
import { type ChartRelease, chartLabels, chartObject, type KubeObject, managerSelector } from './kube-object.ts';
import { injectorPort, managerHealthPort, managerName, managerVariables, workloadKinds } from './manager-environment.ts';
import type { ChartValues } from './values.ts';

/** User of the image; the number is there because `runAsNonRoot` cannot judge names. */
const userId = 1000;

/** The reference of the image that the values name. */
export function imageReference({ image }: ChartValues, version: string): string {
  const repository = image.registry === '' ? image.name : `${image.registry.replace(/\/$/, '')}/${image.name}`;
  const tag = String(image.tag);
  return `${repository}:${tag === '' ? version : tag}`;
}

/** The traffic-manager: one pod that the "restricted" Pod Security Standard admits. */
export function managerDeployment(release: ChartRelease, values: ChartValues): KubeObject {
  const { podLabels, podAnnotations } = values;
  return chartObject(
    release,
    { apiVersion: 'apps/v1', kind: 'Deployment', name: managerName, namespace: release.namespace },
    {
      spec: {
        replicas: values.replicaCount,
        revisionHistoryLimit: 2,
        selector: { matchLabels: managerSelector },
        // A new pod that does not start never takes the old one away.
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        template: {
          metadata: {
            labels: { ...podLabels, ...chartLabels(release) },
            ...(Object.keys(podAnnotations).length === 0 ? {} : { annotations: podAnnotations }),
          },
          spec: podSpec(release, values),
        },
      },
    },
  );
}

function podSpec(release: ChartRelease, values: ChartValues): Readonly<Record<string, unknown>> {
  return {
    serviceAccountName: managerName,
    // Clients come back by themselves, and sooner than a drain would end.
    terminationGracePeriodSeconds: 5,
    enableServiceLinks: false,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' }, ...values.podSecurityContext },
    ...(values.image.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: values.image.imagePullSecrets }),
    ...(Object.keys(values.nodeSelector).length === 0 ? {} : { nodeSelector: values.nodeSelector }),
    ...(values.tolerations.length === 0 ? {} : { tolerations: values.tolerations }),
    ...(Object.keys(values.affinity).length === 0 ? {} : { affinity: values.affinity }),
    ...(values.priorityClassName === '' ? {} : { priorityClassName: values.priorityClassName }),
    ...(values.schedulerName === '' ? {} : { schedulerName: values.schedulerName }),
    containers: [container(release, values)],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  };
}

function container(release: ChartRelease, values: ChartValues): Readonly<Record<string, unknown>> {
  const probe = (path: string) => ({ httpGet: { path, port: 'health' }, timeoutSeconds: 3 });
  return {
    name: managerName,
    image: imageReference(values, release.version),
    imagePullPolicy: values.image.pullPolicy,
    env: environment(release, values),
    ports: [
      { name: 'api', containerPort: values.apiPort },
      { name: 'health', containerPort: managerHealthPort },
      ...(hasInjector(values) ? [{ name: 'https', containerPort: injectorPort }] : []),
      ...(values.prometheus.port === 0 ? [] : [{ name: 'prometheus', containerPort: values.prometheus.port }]),
    ],
    // Asked every second until it has started, so that an installation does not wait for a probe.
    startupProbe: { ...probe('/healthz'), periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 2 },
    livenessProbe: { ...probe('/healthz'), periodSeconds: 10 },
    resources: values.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: userId,
      ...values.securityContext,
    },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}

function environment(release: ChartRelease, values: ChartValues): readonly unknown[] {
  const names = managerVariables;
  const fromPod = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } });
  const selector = values.namespaceSelector;
  const settings: Readonly<Record<string, string>> = {
    [names.serverPort]: String(values.apiPort),
    [names.healthPort]: String(managerHealthPort),
    [names.prometheusPort]: String(values.prometheus.port),
    [names.logLevel]: values.logLevel,
    [names.podCidrStrategy]: values.podCIDRStrategy,
    [names.podCidrs]: values.podCIDRs.join(' '),
    [names.managedNamespaces]: values.namespaces.join(' '),
    [names.managedNamespaceSelector]: selector === undefined ? '' : JSON.stringify(selector),
    [names.workloads]: workloadKinds.filter((kind) => values.workloads[kind].enabled).join(' '),
    [names.grpcMaxReceiveSize]: String(values.grpc.maxReceiveSize),
    [names.clientConnectionTtl]: values.grpc.connectionTTL,
    [names.agentArrivalTimeout]: values.timeouts.agentArrival,
    [names.agentImage]: imageReference(values, release.version),
    ...agentSettings(values),
  };
  return [
    fromPod(names.managerNamespace, 'metadata.namespace'),
    fromPod(names.podName, 'metadata.name'),
    fromPod(names.podIp, 'status.podIP'),
    // An empty variable says no more than none.
    ...Object.entries(settings).flatMap(([name, value]) => (value === '' ? [] : [{ name, value }])),
  ];
}

function agentSettings(values: ChartValues): Readonly<Record<string, string>> {
  const names = managerVariables;
  const { agent, agentInjector, image, intercept } = values;
  const json = (value: object) => (Object.keys(value).length === 0 ? '' : JSON.stringify(value));
  if (!hasInjector(values)) return { [names.agentInjector]: 'false' };
  return {
    [names.agentInjectPolicy]: agentInjector.injectPolicy,
    [names.agentPort]: String(agent.port),
    [names.agentIdlePath]: agent.idlePath === 'relay' ? '' : agent.idlePath,
    [names.agentLogLevel]: agent.logLevel,
    [names.agentPullPolicy]: image.pullPolicy,
    [names.agentPullSecrets]: image.imagePullSecrets.map(({ name }) => name).join(' '),
    [names.agentInitContainer]: agent.initContainer.enabled ? '' : 'false',
    [names.agentResources]: json(agent.resources),
    [names.agentInitResources]: json(agent.initResources),
    [names.agentSecurityContext]: json(agent.securityContext),
    [names.agentMountPolicies]: JSON.stringify(agent.mountPolicies),
    [names.interceptEnvironmentExcluded]: intercept.environment.excluded.join(' '),
  };
}
