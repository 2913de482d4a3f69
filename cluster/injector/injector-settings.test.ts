import { describe, expect, it } from 'vitest';
import { readInjectorSettings } from './injector-settings.ts';

describe('settings of the injector', () => {
  it('have a default for everything', () => {
    expect(readInjectorSettings({})).toEqual({
      isEnabled: true,
      policy: 'OnDemand',
      agentPort: 9900,
      idlePath: 'relay',
      logLevel: 'info',
      pullPolicy: 'IfNotPresent',
      pullSecrets: [],
      hasInitContainer: true,
      resources: {},
      initResources: {},
      securityContext: {},
      mountPolicies: { '/tmp': 'Local' },
      arrivalTimeoutMs: 30_000,
    });
  });

  it.each([
    [{ AGENT_INJECT_POLICY: 'Sometimes' }, /AGENT_INJECT_POLICY/],
    [{ AGENT_PORT: 'many' }, /AGENT_PORT/],
    [{ AGENT_IDLE_PATH: 'shortest' }, /AGENT_IDLE_PATH/],
    [{ AGENT_RESOURCES: '[]' }, /AGENT_RESOURCES/],
    [{ AGENT_SECURITY_CONTEXT: '{' }, /AGENT_SECURITY_CONTEXT/],
  ])('that cannot be used are named: %o', (env, message) => {
    expect(() => readInjectorSettings(env)).toThrow(message);
  });
});
