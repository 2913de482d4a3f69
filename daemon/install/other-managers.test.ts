import { describe, expect, it } from 'vitest';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { refuseOverlap } from './other-managers.ts';

interface Request {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
}

/** A cluster with a traffic-manager in `other`, and namespaces that it claims, or a selector. */
function cluster(options: { readonly claims?: readonly string[]; readonly selector?: string }): KubeClient {
  const configMap = (namespace: string, data: object) => ({ metadata: { namespace }, data });
  const answers: Readonly<Record<string, readonly object[]>> = {
    'metadata.name=traffic-manager': [
      configMap('other', options.selector === undefined ? {} : { 'namespace-selector.yaml': options.selector }),
    ],
    'metadata.name=traffic-manager-claim': (options.claims ?? []).map((name) => configMap(name, { 'owned-by': 'other' })),
  };
  const namespaces = ['one', 'two', 'other', 'own'].map((name) => ({
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
  }));
  const client = {
    request: async ({ path, query }: Request) => ({
      items: path === '/api/v1/namespaces' ? namespaces : (answers[query?.['fieldSelector'] ?? ''] ?? []),
    }),
    find: async () => ({}),
  };
  return client as unknown as KubeClient;
}

const limitedTo = (...names: readonly string[]) => ({
  matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In' as const, values: [...names] }],
});

const refusal = (client: KubeClient, ...names: readonly string[]) =>
  refuseOverlap(client, { namespace: 'own', selector: limitedTo(...names) }, new AbortController().signal).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('two traffic-managers', () => {
  it('may not be where one manages everything', async () => {
    expect(await refusal(cluster({}), 'two')).toMatchObject({ code: 'install.conflict' });
  });

  it('may be where the other claims other namespaces only', async () => {
    expect(await refusal(cluster({ claims: ['one'] }), 'two')).toBeUndefined();
    expect(await refusal(cluster({ claims: ['one', 'two'] }), 'two')).toMatchObject({
      message: 'The traffic-manager in namespace "other" manages two already',
    });
  });
});
