import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load-config.ts';
import { settingsOf } from './effective-config.ts';
import { reconfigured, reconnectCondition } from './reconfigure.ts';

const settings = (flags: unknown) =>
  settingsOf(loadConfig({ configFile: '/nowhere', flags }), { request: { kubeFlags: {} }, managerNamespaceEnv: undefined });
const before = settings({});

describe('a changed configuration', () => {
  it('counts at once for names, time-outs and direct ways', () => {
    const next = settings({
      dns: { excludes: ['a'], includeSuffixes: ['.corp'], lookupTimeout: '1s' },
      timeouts: { intercept: '9s' },
      cluster: { agentPortForward: false },
    });
    expect(reconfigured(before, next)).toEqual({ settings: next, waiting: [] });
    expect(reconnectCondition([])).toBeUndefined();
  });

  it('waits for the next connect where the connection is built on it, and says so', () => {
    const next = settings({
      dns: { localAddresses: ['9.9.9.9'], excludes: ['b'] },
      routing: { neverProxySubnets: ['10.1.0.0/16'] },
      timeouts: { endpointDial: '1s' },
    });
    const { settings: applied, waiting } = reconfigured(before, next);
    expect(applied).toEqual({ ...before, dns: { ...before.dns, excludes: ['b'] } });
    expect(waiting).toEqual([
      'routing.neverProxySubnets',
      'timeouts.endpointDial or timeouts.roundtripLatency',
      'dns.localAddresses',
    ]);
    expect(reconnectCondition(waiting)).toMatchObject({ code: 'config.reconnect', remedies: [{ label: 'Connect again' }] });
  });

  it('waits for nothing any more when it is taken back', () => {
    const { settings: applied } = reconfigured(before, settings({ routing: { neverProxySubnets: ['10.1.0.0/16'] } }));
    expect(reconfigured(applied, before).waiting).toEqual([]);
  });
});
