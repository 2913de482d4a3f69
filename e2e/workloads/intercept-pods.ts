import type { KubeObject } from '../support/objects.ts';
import { bundleProgram } from './bundle.ts';
import { deployment, programConfigMap, service } from './manifests.ts';

const ready = { httpGet: { path: '/', port: 8080 } };
const http = { name: 'http', port: 8080 };

/** As often as the kubelet asks, and as soon as it gives up. */
const strict = { periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 3 };

/**
 * Deployments whose pods have something to them, all with the program `app`:
 *
 * | name | what |
 * |---|---|
 * | `ports` | two ports by name, and one number by TCP and UDP |
 * | `probed-named`, `probed-numeric` | `httpGet`, `tcpSocket` and `exec` probes in three containers, strict ones |
 * | `beside` | the port belongs to the second container, `side`; the first has one too |
 * | `variables` | `env` with `$(VAR)`, field and resource references, `envFrom` of a ConfigMap and, with a prefix, of a Secret |
 * | `three` | three replicas |
 */
export async function interceptPods(namespace: string): Promise<readonly KubeObject[]> {
  const program = { program: 'app', readiness: ready };
  return [
    programConfigMap(namespace, 'app', await bundleProgram('app')),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'words', namespace },
      data: { GREETING: 'hello', 'not.a-name': 'x' },
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'secrets', namespace }, stringData: { TOKEN: 's3cret = "$x"' } },
    deployment(namespace, 'ports', {
      ...program,
      ports: [
        http,
        { name: 'admin', port: 8081 },
        { name: 'tcp-9001', port: 9001 },
        { name: 'udp-9001', port: 9001, protocol: 'UDP' },
      ],
      env: [
        { name: 'TCP_PORTS', value: '8080,8081,9001' },
        { name: 'UDP_PORTS', value: '9001' },
      ],
    }),
    service(namespace, 'ports', [
      { ...http, port: 80, targetPort: 'http' },
      { name: 'admin', port: 81, targetPort: 'admin' },
      { name: 'tcp-9001', port: 9001 },
      { name: 'udp-9001', port: 9001, protocol: 'UDP' },
    ]),
    ...['http', 8080].flatMap((targetPort) => {
      const name = typeof targetPort === 'string' ? 'probed-named' : 'probed-numeric';
      return [
        deployment(namespace, name, {
          ...program,
          ports: [http],
          readiness: { ...strict, httpGet: { path: '/alive', port: 'http' } },
          liveness: { ...strict, httpGet: { path: '/alive', port: 8080 } },
          sidecars: [
            container('by-tcp', 8091, { livenessProbe: { ...strict, tcpSocket: { port: 'by-tcp' } } }),
            container('by-exec', 8092, {
              livenessProbe: { ...strict, periodSeconds: 2, exec: { command: ['node', '--version'] } },
            }),
          ],
        }),
        service(namespace, name, [
          { ...http, port: 80, targetPort },
          { name: 'by-tcp', port: 8091, targetPort: typeof targetPort === 'string' ? 'by-tcp' : 8091 },
        ]),
      ];
    }),
    deployment(namespace, 'beside', { ...program, ports: [http], sidecars: [container('side', 8093, {})] }),
    service(namespace, 'beside', [
      { ...http, port: 80, targetPort: 'http' },
      { name: 'side', port: 81, targetPort: 'side' },
    ]),
    deployment(namespace, 'variables', {
      ...program,
      ports: [http],
      env: [
        { name: 'HOST', value: 'db' },
        { name: 'URL', value: 'postgres://$(HOST):5432/$(GREETING)?later=$(LATER)&escaped=$$(HOST)' },
        { name: 'LATER', value: 'on' },
        { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
        { name: 'MEMORY_LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'secrets', key: 'TOKEN' } } },
        { name: 'LINES', value: 'one\ntwo' },
        { name: 'EMPTY', value: '' },
      ],
      envFrom: [{ configMapRef: { name: 'words' } }, { prefix: 'SECRET_', secretRef: { name: 'secrets' } }],
    }),
    service(namespace, 'variables', [{ ...http, port: 80, targetPort: 'http' }]),
    deployment(namespace, 'three', { ...program, ports: [http], replicas: 3 }),
    service(namespace, 'three', [{ ...http, port: 80, targetPort: 'http' }]),
  ];
}

function container(name: string, port: number, more: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    name,
    image: 'localhost/node:24',
    imagePullPolicy: 'IfNotPresent',
    command: ['node', '/program/main.js'],
    env: [{ name: 'TCP_PORTS', value: String(port) }],
    ports: [{ name, containerPort: port }],
    volumeMounts: [{ name: 'program', mountPath: '/program' }],
    ...more,
  };
}
