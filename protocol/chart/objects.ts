import { clientRbac } from './client-rbac.ts';
import { managerDeployment } from './deployment.ts';
import { injectorObjects } from './injector-objects.ts';
import { type ChartRelease, chartObject, type KubeObject, managerSelector } from './kube-object.ts';
import { clientConfigKey, type LabelSelector, managerName, namespaceSelectorKey } from './manager-environment.ts';
import { managerRbac } from './manager-rbac.ts';
import type { ChartValues } from './values.ts';

/** Label that Kubernetes puts on every namespace. */
const namespaceNameLabel = 'kubernetes.io/metadata.name';

/** Every object of a release, in the order in which they are applied: rights before what uses them. */
export function chartObjects(release: ChartRelease, values: ChartValues): readonly KubeObject[] {
  const rbac = [
    ...(values.managerRbac.create ? managerRbac(release, values) : []),
    ...(values.clientRbac.create ? clientRbac(release, values) : []),
  ];
  if (values.rbac.only) return rbac;
  return [
    ...rbac,
    configMap(release, values),
    ...services(release, values),
    ...injectorObjects(release, values, managedNamespaceSelector(values)),
    managerDeployment(release, values),
  ];
}

/** Which namespaces a release with these values manages; `undefined` is all of them. */
export function managedNamespaceSelector(values: ChartValues): LabelSelector | undefined {
  if (values.namespaces.length === 0) return values.namespaceSelector as LabelSelector | undefined;
  return { matchExpressions: [{ key: namespaceNameLabel, operator: 'In', values: values.namespaces }] };
}

function configMap(release: ChartRelease, values: ChartValues): KubeObject {
  const selector = managedNamespaceSelector(values);
  const data = {
    [clientConfigKey]: asYaml(values.client),
    ...(selector === undefined ? {} : { [namespaceSelectorKey]: asYaml(selector) }),
  };
  return chartObject(release, { apiVersion: 'v1', kind: 'ConfigMap', name: managerName, namespace: release.namespace }, { data });
}

function services(release: ChartRelease, values: ChartValues): readonly KubeObject[] {
  const service = (name: string, spec: Readonly<Record<string, unknown>>) =>
    chartObject(
      release,
      { apiVersion: 'v1', kind: 'Service', name, namespace: release.namespace },
      { spec: { ...spec, selector: managerSelector } },
    );
  return [
    // Headless: clients come by a port-forward to the pod, agents by its address.
    service(managerName, {
      type: 'ClusterIP',
      clusterIP: 'None',
      ports: [{ name: 'api', port: values.apiPort, targetPort: 'api' }],
    }),
    ...(values.prometheus.port === 0
      ? []
      : [
          service(`${managerName}-metrics`, {
            type: 'ClusterIP',
            ports: [{ name: 'metrics', port: 80, targetPort: 'prometheus' }],
          }),
        ]),
  ];
}

/** JSON is YAML, and this folder has no library for more than that. */
function asYaml(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
