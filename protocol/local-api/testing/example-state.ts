import type { Connection, Engagement, HealthCondition, Preferences } from '../model.ts';

/** Things of a daemon's state for tests of its clients, each a plain one that a test changes where it matters. */

/** When things of these began. ISO 8601. */
export const exampleSince = '2026-01-01T00:00:00.000Z';

/** A connection that is on. */
export function exampleConnection(change: Partial<Connection> = {}): Connection {
  return {
    name: 'staging',
    mode: 'host',
    state: { kind: 'on', since: exampleSince },
    context: 'staging',
    server: 'https://10.0.0.1:6443',
    namespace: 'shop',
    managerNamespace: 'ambassador',
    mappedNamespaces: [],
    stageTimesMs: {},
    ...change,
  };
}

/** An intercept of `cart` that is active, and whose handler listens. */
export function exampleEngagement(change: Partial<Engagement> = {}): Engagement {
  return {
    name: 'cart',
    connection: 'staging',
    mode: 'intercept',
    workload: 'cart',
    workloadKind: 'Deployment',
    namespace: 'shop',
    owner: 'dev@laptop',
    laptopAddress: '127.0.0.1',
    ports: [
      {
        laptopPort: 8080,
        containerPort: 80,
        protocol: 'TCP',
        identifier: 'http',
        service: { name: 'cart', uid: 'u1', portName: 'http', port: 80 },
      },
    ],
    toPod: [],
    state: { kind: 'active', since: exampleSince },
    handler: 'listening',
    traffic: { connections: 0, open: 0, rejected: 0, inBytes: 0, outBytes: 0 },
    ...change,
  };
}

/** An error of the daemon as a whole. */
export function exampleCondition(change: Partial<HealthCondition> = {}): HealthCondition {
  return {
    code: 'dns.verify-failed',
    severity: 'error',
    title: 'Names of the cluster do not resolve',
    message: 'A look-up through the system’s resolver did not reach the daemon',
    since: exampleSince,
    dependsOn: [],
    remedies: [],
    ...change,
  };
}

/** Of somebody who has been welcomed, and otherwise as in the beginning; nothing is downloaded. */
export function examplePreferences(change: Partial<Preferences> = {}): Preferences {
  return {
    startAtLogin: false,
    startHidden: false,
    theme: 'system',
    defaultMode: 'host',
    isWelcomed: true,
    notifyConnection: true,
    notifyEngagement: true,
    notifyHandler: true,
    checkForUpdates: false,
    ...change,
  };
}
