import type { KubeObject } from '../support/objects.ts';

export interface PodOptions {
  readonly image?: string;
  /** Default: Node runs the file `main.js` of the ConfigMap `name`. */
  readonly command?: readonly string[];
  readonly ports: readonly PortOptions[];
  readonly readiness: Readonly<Record<string, unknown>>;
  readonly replicas?: number;
  /** Whose `main.js` the ConfigMap is; default: the workload's name. */
  readonly program?: string;
  readonly env?: readonly Readonly<Record<string, unknown>>[];
  readonly envFrom?: readonly Readonly<Record<string, unknown>>[];
  readonly liveness?: Readonly<Record<string, unknown>>;
  /** Containers beside it, as they are in a manifest. */
  readonly sidecars?: readonly Readonly<Record<string, unknown>>[];
  /** Of the container. */
  readonly securityContext?: Readonly<Record<string, unknown>>;
  /** Of the pod template. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PortOptions {
  readonly name: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: 'TCP' | 'UDP';
}

export function programConfigMap(namespace: string, name: string, text: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { 'main.js': text } };
}

export function deployment(namespace: string, name: string, options: PodOptions): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels: { app: name } },
    spec: { replicas: options.replicas ?? 1, selector: { matchLabels: { app: name } }, template: podTemplate(name, options) },
  };
}

/** No Deployment owns it. */
export function replicaSet(namespace: string, name: string, options: PodOptions): KubeObject {
  return { ...deployment(namespace, name, options), kind: 'ReplicaSet' };
}

/** Its service must be headless and have the same name. */
export function statefulSet(namespace: string, name: string, options: PodOptions): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      serviceName: name,
      podManagementPolicy: 'Parallel',
      replicas: options.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      template: podTemplate(name, options),
    },
  };
}

export function service(
  namespace: string,
  name: string,
  ports: readonly PortOptions[],
  options: { readonly app?: string; readonly isHeadless?: boolean } = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: options.app ?? name }, ports, ...(options.isHeadless === true ? { clusterIP: 'None' } : {}) },
  };
}

export function externalName(namespace: string, name: string, target: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'ExternalName', externalName: target },
  };
}

function podTemplate(name: string, options: PodOptions): Readonly<Record<string, unknown>> {
  const { program = name, env, envFrom, liveness, sidecars = [], securityContext, annotations } = options;
  const command = options.command ?? ['node', '/program/main.js'];
  const isProgram = options.command === undefined;
  return {
    metadata: { labels: { app: name }, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      containers: [
        {
          name,
          image: options.image ?? 'localhost/node:24',
          imagePullPolicy: 'IfNotPresent',
          command,
          ports: options.ports.map(({ name: portName, port, protocol }) => ({
            name: portName,
            containerPort: port,
            protocol: protocol ?? 'TCP',
          })),
          readinessProbe: { periodSeconds: 1, ...options.readiness },
          ...(liveness === undefined ? {} : { livenessProbe: liveness }),
          ...(env === undefined ? {} : { env }),
          ...(envFrom === undefined ? {} : { envFrom }),
          ...(securityContext === undefined ? {} : { securityContext }),
          resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '512Mi' } },
          ...(isProgram ? { volumeMounts: [{ name: 'program', mountPath: '/program' }] } : {}),
        },
        ...sidecars,
      ],
      ...(isProgram ? { volumes: [{ name: 'program', configMap: { name: program } }] } : {}),
    },
  };
}
