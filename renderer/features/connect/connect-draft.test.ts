import { expect, it } from 'vitest';
import { canConnect, draftRequest, useConnectDraft, wrongSubnet } from './connect-draft.ts';

const draft = useConnectDraft.getState();

it('says nothing of what was left as it is, so that the daemon sees the same request as from the command line', () => {
  expect(draftRequest({ ...draft, context: 'staging' }, 'host')).toEqual({ kubeFlags: { context: 'staging' } });
  expect(draftRequest({ ...draft, context: 'staging', namespace: 'shop', vnat: ['all'] }, 'rootless')).toEqual({
    kubeFlags: { context: 'staging' },
    namespace: 'shop',
    mode: 'rootless',
    vnat: ['all'],
  });
});

it('refuses names and subnets that are none', () => {
  expect(canConnect(draft)).toBe(true);
  expect(canConnect({ ...draft, namespace: 'Shop' })).toBe(false);
  expect(canConnect({ ...draft, neverProxy: ['10.0.0.1'] })).toBe(false);
  expect(wrongSubnet(['10.0.0.0/8', 'fd00::/64', 'x'], 'alsoProxy')).toBe('x');
  expect(wrongSubnet(['all'], 'alsoProxy')).toBe('all');
});
