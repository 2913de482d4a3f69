import { describe, expect, it } from 'vitest';
import { formatCidr } from '#base/common/cidr.ts';
import { readEnvironment } from './environment.ts';

describe('environment', () => {
  it('has defaults for everything', () => {
    expect(readEnvironment({})).toMatchObject({
      namespace: 'ambassador',
      serverPort: 8081,
      healthPort: 8082,
      prometheusPort: 0,
      podCidrStrategy: 'auto',
      clientConnectionTtlMs: 86_400_000,
      maxReceiveBytes: 4_194_304,
      agentArrivalTimeoutMs: 30_000,
      managedNamespaceSelector: undefined,
      workloads: ['deployments', 'replicaSets', 'statefulSets'],
    });
  });

  it('is read as the chart writes it', () => {
    const settings = readEnvironment({
      MANAGER_NAMESPACE: 'tel',
      POD_CIDR_STRATEGY: 'environment',
      POD_CIDRS: '10.1.0.0/16 fd00::/64',
      MANAGED_NAMESPACES: 'a b',
      CLIENT_CONNECTION_TTL: '1h30m',
      GRPC_MAX_RECEIVE_SIZE: '8Mi',
      WORKLOADS: 'deployments argoRollouts',
      LOG_LEVEL: 'debug',
      AGENT_ARRIVAL_TIMEOUT: '2m',
      MANAGED_NAMESPACE_SELECTOR: '{"matchLabels":{"team":"shop"}}',
    });
    expect(settings.podCidrs.map(formatCidr)).toEqual(['10.1.0.0/16', 'fd00::/64']);
    expect(settings).toMatchObject({
      namespace: 'tel',
      podCidrStrategy: 'environment',
      managedNamespaces: ['a', 'b'],
      clientConnectionTtlMs: 5_400_000,
      maxReceiveBytes: 8_388_608,
      agentArrivalTimeoutMs: 120_000,
      managedNamespaceSelector: { matchLabels: { team: 'shop' } },
      workloads: ['deployments', 'argoRollouts'],
      logLevel: 'debug',
    });
  });

  it.each([
    ['SERVER_PORT', '99999'],
    ['POD_CIDRS', '10.0.0.0/8 x'],
    ['POD_CIDR_STRATEGY', 'guess'],
    ['CLIENT_CONNECTION_TTL', 'soon'],
    ['WORKLOADS', 'pods'],
    ['AGENT_ARRIVAL_TIMEOUT', 'soon'],
    ['MANAGED_NAMESPACE_SELECTOR', 'team=shop'],
    ['MANAGED_NAMESPACE_SELECTOR', '{"matchExpressions":[{"key":"a","operator":"Is"}]}'],
  ])('names the variable that is wrong: %s=%s', (name, value) => {
    expect(() => readEnvironment({ [name]: value })).toThrow(name);
  });
});
