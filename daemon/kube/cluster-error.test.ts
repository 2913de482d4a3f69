import { describe, expect, it } from 'vitest';
import { clusterError } from './cluster-error.ts';

describe('a certificate that is not accepted', () => {
  const failure = (code: string) =>
    clusterError(Object.assign(new Error('refused'), { code }), { server: 'https://dev:6443', action: 'list pods' });

  it.each([
    ['CERT_NOT_YET_VALID', 'clock'],
    ['CERT_HAS_EXPIRED', 'clock'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'certificate-authority-data'],
  ])('has a remedy that fits: %s', (code, word) => {
    const { code: ours, remedies } = failure(code);
    expect(ours).toBe('cluster.certificate');
    expect(remedies.map(({ label }) => label).join()).toContain(word);
  });
});
