import { expect, it } from 'vitest';
import { withKubeconfigEnv } from './kubeconfig-env.ts';

it.each(['connect', 'checkConnect', 'listContexts', 'listNamespaces', 'probeContext', 'runDoctor'] as const)(
  'adds the KUBECONFIG of the host to %s',
  (call) => {
    const input = { kubeFlags: { context: 'staging' } };
    expect(withKubeconfigEnv(call, input, '/home/dev/kube')).toEqual({ ...input, kubeconfigEnv: '/home/dev/kube' });
  },
);

it('leaves alone what names one, what names a file, what takes none, and everything where the host has none', () => {
  for (const input of [{ kubeFlags: {}, kubeconfigEnv: '' }, { kubeFlags: { kubeconfig: '/elsewhere' } }]) {
    expect(withKubeconfigEnv('connect', input, '/home/dev/kube')).toBe(input);
  }
  const input = { kubeFlags: {} };
  expect(withKubeconfigEnv('connect', input, undefined)).toBe(input);
  expect(withKubeconfigEnv('connect', input, '')).toBe(input);
  expect(withKubeconfigEnv('disconnect', input, '/home/dev/kube')).toBe(input);
});
