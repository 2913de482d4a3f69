import type { Connection, Engagement, Preferences } from '#protocol/local-api/model.ts';

const since = '2026-01-01T00:00:00.000Z';

export function connectionIn(state: Connection['state']): Record<string, Connection> {
  return {
    staging: {
      name: 'staging',
      mode: 'host',
      state,
      context: 'staging',
      server: 'https://10.0.0.1:6443',
      namespace: 'shop',
      managerNamespace: 'ambassador',
      mappedNamespaces: [],
      stageTimesMs: {},
    },
  };
}

export const connected = connectionIn({ kind: 'on', since });

export const engaged: Record<string, Engagement> = {
  'staging/cart': {
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
    state: { kind: 'active', since },
    handler: 'listening',
    traffic: { connections: 0, open: 0, rejected: 0, inBytes: 0, outBytes: 0 },
  },
};

export const preferences: Preferences = {
  startAtLogin: false,
  startHidden: false,
  theme: 'system',
  defaultMode: 'host',
  isWelcomed: true,
  notifyConnection: true,
  notifyEngagement: true,
  notifyHandler: true,
  checkForUpdates: false,
};
