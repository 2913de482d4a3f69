import { describe, expect, it } from 'vitest';
import { appEnvironment } from './app-environment.ts';

const container = { name: 'app', mountPoint: '', envPrefix: '_TEL_APP_A_', mounts: [], ports: [] };

describe('the environment of an app container', () => {
  it('is what the injector copied, and what Kubernetes says of Services, but nothing of the agent', () => {
    const env = {
      _TEL_APP_A_URL: 'db',
      _TEL_APP_B_URL: 'other',
      SHOP_SERVICE_HOST: '10.0.0.1',
      PATH: '/bin',
      _TEL_APP_A_HOME: '/',
    };
    expect(appEnvironment(env, container)).toEqual({
      URL: 'db',
      SHOP_SERVICE_HOST: '10.0.0.1',
      TELEPRESENCE_CONTAINER: 'app',
      TELEPRESENCE_MOUNTS: '',
    });
  });

  it('leaves a reference that Kubernetes could not resolve as the app sees it', () => {
    expect(appEnvironment({ _TEL_APP_A_URL: 'x?later=$(_TEL_APP_A_LATER)' }, container)['URL']).toBe('x?later=$(LATER)');
  });
});
