import { type ChartRelease, chartObject, type KubeObject, managerSelector } from './kube-object.ts';
import {
  injectorName,
  injectorPath,
  injectorSecretName,
  type LabelSelector,
  webhookConfigurationName,
  webhookName,
} from './manager-environment.ts';
import type { PolicyRule } from './roles.ts';
import type { ChartValues } from './values.ts';

/** Namespaces without which a cluster does not work: nothing of ours is in the way of their pods. */
const systemNamespaces = ['kube-system', 'kube-node-lease', 'kube-public'];

/** Label that Kubernetes puts on every namespace. */
const namespaceNameLabel = 'kubernetes.io/metadata.name';

/** How long the API server waits for the webhook when a pod is made, before it goes on without. */
const webhookTimeoutSeconds = 5;

export function hasInjector({ agentInjector, namespaces }: ChartValues): boolean {
  return agentInjector.enabled ?? namespaces.length === 0;
}

/** What of the cluster's own the traffic-manager changes: the authority of its own webhook's certificate. */
export function injectorClusterRules(release: ChartRelease, values: ChartValues): readonly PolicyRule[] {
  if (!hasInjector(values)) return [];
  return [
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations'],
      verbs: ['get', 'patch'],
      resourceNames: [webhookConfigurationName(release.namespace)],
    },
  ];
}

export function injectorOwnRules(values: ChartValues): readonly PolicyRule[] {
  if (!hasInjector(values)) return [];
  return [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'update'], resourceNames: [injectorSecretName] }];
}

/** In every managed namespace: pods are ended, so that new ones have an agent; a template is annotated where that is forbidden. */
export function injectorNamespaceRules(values: ChartValues): readonly PolicyRule[] {
  if (!hasInjector(values)) return [];
  const { deployments, statefulSets } = values.workloads;
  const resources = [...(deployments.enabled ? ['deployments'] : []), ...(statefulSets.enabled ? ['statefulsets'] : [])];
  return [
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
    ...(resources.length === 0 ? [] : [{ apiGroups: ['apps'], resources, verbs: ['patch'] }]),
  ];
}

/** The webhook: its certificate's Secret, which the traffic-manager fills, its Service, and what tells the API server of it. */
export function injectorObjects(
  release: ChartRelease,
  values: ChartValues,
  managed: LabelSelector | undefined,
): readonly KubeObject[] {
  if (!hasInjector(values)) return [];
  const { namespace } = release;
  const service = { name: injectorName, namespace, path: injectorPath, port: 443 };
  const excluded = { key: namespaceNameLabel, operator: 'NotIn', values: systemNamespaces };
  return [
    chartObject(release, { apiVersion: 'v1', kind: 'Secret', name: injectorSecretName, namespace }, { type: 'Opaque' }),
    chartObject(
      release,
      { apiVersion: 'v1', kind: 'Service', name: injectorName, namespace },
      { spec: { type: 'ClusterIP', ports: [{ name: 'https', port: 443, targetPort: 'https' }], selector: managerSelector } },
    ),
    chartObject(
      release,
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        name: webhookConfigurationName(namespace),
        namespace: undefined,
      },
      {
        webhooks: [
          {
            name: webhookName,
            clientConfig: { service },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
            namespaceSelector: { ...managed, matchExpressions: [...(managed?.matchExpressions ?? []), excluded] },
            admissionReviewVersions: ['v1'],
            // Pods are made without an agent rather than not at all.
            failurePolicy: 'Ignore',
            // What other webhooks put in afterwards is seen as well.
            reinvocationPolicy: 'IfNeeded',
            sideEffects: 'None',
            timeoutSeconds: webhookTimeoutSeconds,
          },
        ],
      },
    ),
  ];
}
