import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import type {
  Connection,
  DaemonState,
  Engagement,
  HealthCondition,
  RecentConnection,
  Task,
  Workload,
  WorkloadDetails,
} from '#protocol/local-api/model.ts';
import { exampleConnection, exampleEngagement, examplePreferences } from '#protocol/local-api/testing/example-state.ts';

/** Things of a daemon's world, each a plain one that a test changes where it matters. */

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

export function stateOf(change: Partial<DaemonState> = {}): DaemonState {
  const state = fakeState(change);
  return {
    ...state,
    daemon: { ...state.daemon, capabilities: ['handler-command', 'rootless'] },
    preferences: { preferences: examplePreferences() },
    ...change,
  };
}

export function connectionOf(change: Partial<Connection> = {}): Connection {
  return exampleConnection({
    name: 'staging-shop',
    state: { kind: 'on', since: minutesAgo(42) },
    server: 'https://staging.example.com:6443',
    stageTimesMs: { kubeconfig: 4, api: 61, manager: 120, session: 44, subnets: 12, interface: 210, dns: 38, verify: 9 },
    manager: { name: 'traffic-manager', version: '0.1.0', agentImage: 'agent:0.1.0', namespace: 'ambassador' },
    dns: {
      address: '10.43.0.10',
      mode: 'resolved',
      formerServers: ['192.168.1.1'],
      clusterDomain: 'cluster.local.',
      includeSuffixes: [],
      excludeSuffixes: ['.com'],
      excludes: [],
      mappings: [],
      lookupTimeoutMs: 8_000,
    },
    routing: {
      interface: 'tel0',
      addresses: ['10.43.0.1/32'],
      subnets: ['10.42.0.0/16', '10.43.0.0/16'],
      serviceSubnet: '10.43.0.0/16',
      podSubnets: ['10.42.0.0/16'],
      alsoProxy: [],
      neverProxy: ['10.42.7.0/24'],
      allowConflicting: [],
      virtual: [],
    },
    transport: { forwards: 1, streams: 6 },
    ...change,
  });
}

export function engagementOf(change: Partial<Engagement> = {}): Engagement {
  return exampleEngagement({
    connection: 'staging-shop',
    container: 'cart',
    id: 'session:cart',
    podName: 'cart-6d9f7b5c4-x2x7q',
    podIp: '10.42.0.17',
    state: { kind: 'active', since: minutesAgo(5) },
    traffic: { connections: 128, direct: 120, open: 2, rejected: 0, inBytes: 48_213, outBytes: 1_204_991 },
    ...change,
  });
}

export function conditionOf(change: Partial<HealthCondition> = {}): HealthCondition {
  return {
    code: 'route.overlap',
    severity: 'warning',
    title: 'A subnet of the cluster is not reached',
    message: '10.42.0.0/16 overlaps with a route of wg0',
    connection: 'staging-shop',
    since: minutesAgo(3),
    dependsOn: [],
    remedies: [{ label: 'Reach it through virtual addresses', command: 'telepresence connect --vnat 10.42.0.0/16' }],
    ...change,
  };
}

export function taskOf(change: Partial<Task> = {}): Task {
  return {
    id: 'task-1',
    title: 'Intercept cart',
    state: 'running',
    stage: 'Waiting for the agent',
    startedAt: minutesAgo(0.2),
    ...change,
  };
}

export function recentOf(change: Partial<RecentConnection> = {}): RecentConnection {
  return {
    request: { kubeFlags: { context: 'staging' }, namespace: 'shop' },
    context: 'staging',
    namespace: 'shop',
    server: 'https://staging.example.com:6443',
    lastUsed: minutesAgo(65),
    pinned: false,
    ...change,
  };
}

export function workloadOf(name: string, change: Partial<Workload> = {}): Workload {
  return { kind: 'Deployment', name, namespace: 'shop', state: 'available', agent: 'none', interceptedBy: [], ...change };
}

export function detailsOf(name: string, change: Partial<WorkloadDetails> = {}): WorkloadDetails {
  return {
    desired: 2,
    ready: 2,
    createdAt: minutesAgo(60 * 24 * 12),
    containers: [
      { name, image: `registry.example.com/shop/${name}:1.4.2`, ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] },
    ],
    services: [
      {
        name,
        clusterIp: '10.43.12.7',
        ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
      },
    ],
    pods: [
      { name: `${name}-6d9f7b5c4-x2x7q`, phase: 'Running', ready: true },
      { name: `${name}-6d9f7b5c4-p4k2m`, phase: 'Running', ready: true },
    ],
    ...change,
  };
}

const special: Readonly<Record<string, Partial<WorkloadDetails>>> = {
  mailer: { ready: 0 },
  payments: { ready: 1 },
  postgres: {
    desired: 1,
    ready: 1,
    services: [
      { name: 'postgres', clusterIp: '10.43.9.9', ports: [{ name: 'sql', port: 5432, targetPort: '5432', protocol: 'TCP' }] },
    ],
  },
};

/** A small shop. */
export const shopWorkloads: readonly Workload[] = [
  workloadOf('cart', { agent: 'intercepted', interceptedBy: [{ owner: 'dev@laptop' }] }),
  workloadOf('catalog', { agent: 'installed' }),
  workloadOf('checkout', {
    agent: 'intercepted',
    interceptedBy: [{ owner: 'ana@build-7', since: new Date(Date.now() - 12 * 60_000 - 30_000).toISOString() }],
  }),
  workloadOf('frontend'),
  workloadOf('mailer', { state: 'failure' }),
  workloadOf('payments', { state: 'progressing' }),
  workloadOf('postgres', { kind: 'StatefulSet' }),
  workloadOf('search'),
];

export const shopDetails: Readonly<Record<string, WorkloadDetails>> = Object.fromEntries(
  shopWorkloads.map(({ kind, name, namespace }) => [`${kind}/${name}.${namespace}`, detailsOf(name, special[name])]),
);
