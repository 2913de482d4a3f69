import { describe, expect, it } from 'vitest';
import { prefixedEnvironment, prefixedReferences } from './app-environment.ts';

const prefix = '_TEL_APP_A_';

describe('the environment of an app in the agent', () => {
  it('has the prefix, and references follow what they meant', () => {
    const { env, envFrom } = prefixedEnvironment(
      {
        name: 'app',
        env: [
          { name: 'HOST', value: 'db' },
          { name: 'URL', value: 'postgres://$(HOST):$(DB_SERVICE_PORT)/$$(HOST)' },
          { name: 'EARLY', value: '$(LATE)' },
          { name: 'LATE', value: 'x' },
        ],
      },
      prefix,
    );
    expect(envFrom).toEqual([]);
    expect(env).toEqual([
      { name: '_TEL_APP_A_HOST', value: 'db' },
      { name: '_TEL_APP_A_URL', value: 'postgres://$(_TEL_APP_A_HOST):$(DB_SERVICE_PORT)/$$(HOST)' },
      // Kubernetes leaves a reference to what comes later as it is, and so do we.
      { name: '_TEL_APP_A_EARLY', value: '$(LATE)' },
      { name: '_TEL_APP_A_LATE', value: 'x' },
    ]);
  });

  it('has the sources with the prefix before theirs', () => {
    const { env, envFrom } = prefixedEnvironment(
      {
        name: 'app',
        envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'DB_', secretRef: { name: 'db', optional: true } }],
        env: [{ name: 'URL', value: '$(DB_HOST) $(DB_SERVICE_HOST)' }],
      },
      prefix,
    );
    expect(envFrom).toEqual([
      { configMapRef: { name: 'settings' }, prefix: '_TEL_APP_A_' },
      { secretRef: { name: 'db', optional: true }, prefix: '_TEL_APP_A_DB_' },
    ]);
    expect(env).toEqual([{ name: '_TEL_APP_A_URL', value: '$(_TEL_APP_A_DB_HOST) $(DB_SERVICE_HOST)' }]);
  });

  it("keeps where values come from, the app's own resources among them", () => {
    const fieldRef = { fieldRef: { fieldPath: 'metadata.name' } };
    const { env } = prefixedEnvironment(
      {
        name: 'app',
        env: [
          { name: 'POD', valueFrom: fieldRef },
          { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } as { containerName?: string } } },
          { name: 'OTHER', valueFrom: { resourceFieldRef: { containerName: 'side' } } },
        ],
      },
      prefix,
    );
    expect(env).toEqual([
      { name: '_TEL_APP_A_POD', valueFrom: fieldRef },
      { name: '_TEL_APP_A_CPU', valueFrom: { resourceFieldRef: { containerName: 'app', resource: 'limits.cpu' } } },
      { name: '_TEL_APP_A_OTHER', valueFrom: { resourceFieldRef: { containerName: 'side' } } },
    ]);
  });

  it('is what paths of volumes refer to', () => {
    const app = { name: 'app', env: [{ name: 'POD', value: 'x' }] };
    expect(prefixedReferences('logs/$(POD)/$(ELSE)', app, prefix)).toBe('logs/$(_TEL_APP_A_POD)/$(ELSE)');
  });
});
