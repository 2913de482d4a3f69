import type { Connection, Engagement, HealthCondition } from '#protocol/local-api/model.ts';

export function connectionOf(state: Connection['state'], change: Partial<Connection> = {}): Connection {
  return {
    name: 'staging',
    mode: 'host',
    state,
    context: 'staging',
    server: 'https://10.0.0.1:6443',
    namespace: 'shop',
    managerNamespace: 'ambassador',
    mappedNamespaces: [],
    stageTimesMs: {},
    ...change,
  };
}

export function engagementOf(change: Partial<Engagement> = {}): Engagement {
  return {
    name: 'cart',
    connection: 'staging',
    mode: 'intercept',
    workload: 'cart',
    workloadKind: 'Deployment',
    namespace: 'shop',
    owner: 'me@laptop',
    laptopAddress: '127.0.0.1',
    ports: [
      {
        laptopPort: 8080,
        containerPort: 80,
        protocol: 'TCP',
        identifier: 'http',
        service: { name: 'cart', uid: 'u', portName: 'http', port: 80 },
      },
    ],
    toPod: [],
    state: { kind: 'active', since: '2026-01-01T00:00:00.000Z' },
    handler: 'listening',
    traffic: { connections: 0, open: 0, rejected: 0, inBytes: 0, outBytes: 0 },
    ...change,
  };
}

export function conditionOf(change: Partial<HealthCondition> = {}): HealthCondition {
  return {
    code: 'dns.verify-failed',
    severity: 'error',
    title: 'Names of the cluster do not resolve',
    message: 'A look-up through the system’s resolver did not reach the daemon',
    since: '2026-01-01T00:00:00.000Z',
    dependsOn: [],
    remedies: [],
    ...change,
  };
}
