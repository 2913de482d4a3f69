import { describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { selects } from '#protocol/chart/label-selector.ts';
import type { LabelSelector } from '#protocol/chart/manager-environment.ts';
import { ManagedNamespaces } from './managed-namespaces.ts';

const labels = { team: 'shop', stage: 'dev' };

describe('a label selector', () => {
  it.each<[string, LabelSelector, boolean]>([
    ['nothing is asked', {}, true],
    ['the label is there', { matchLabels: { team: 'shop' } }, true],
    ['one of two is not', { matchLabels: { team: 'shop', stage: 'prod' } }, false],
    ['In', { matchExpressions: [{ key: 'stage', operator: 'In', values: ['dev', 'test'] }] }, true],
    ['In, without the label', { matchExpressions: [{ key: 'x', operator: 'In', values: ['dev'] }] }, false],
    ['NotIn', { matchExpressions: [{ key: 'stage', operator: 'NotIn', values: ['dev'] }] }, false],
    ['NotIn, without the label', { matchExpressions: [{ key: 'x', operator: 'NotIn', values: ['dev'] }] }, true],
    ['Exists', { matchExpressions: [{ key: 'x', operator: 'Exists' }] }, false],
    ['DoesNotExist', { matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] }, true],
  ])('%s', (_name, selector, expected) => {
    expect(selects(selector, labels)).toBe(expected);
  });
});

describe('managed namespaces', () => {
  const make = (
    names: readonly string[],
    selector: LabelSelector | undefined,
    find: () => Promise<unknown> = async () => undefined,
  ) =>
    new ManagedNamespaces({
      kube: { find: async <T>() => (await find()) as T | undefined },
      logger: silentLogger,
      managerNamespace: 'ambassador',
      names,
      selector,
    });
  const selector = { matchLabels: { team: 'shop' } };
  const notManaged = { code: 'manager.namespace-not-managed' };

  it('are all of them without a list or a selector', async () => {
    await expect(make([], undefined).check('any')).resolves.toBeUndefined();
  });

  it('are those of the list', async () => {
    await expect(make(['a'], undefined).check('a')).resolves.toBeUndefined();
    await expect(make(['a', 'b'], selector).check('c')).rejects.toMatchObject({ ...notManaged, reason: 'It manages a, b' });
  });

  it('are those whose labels fit, as they are now', async () => {
    let present: unknown = { metadata: { labels: { team: 'shop' } } };
    const namespaces = make([], selector, async () => present);
    await expect(namespaces.check('a')).resolves.toBeUndefined();
    present = { metadata: {} };
    await expect(namespaces.check('a')).rejects.toMatchObject({ ...notManaged, reason: 'It manages namespaces with team=shop' });
    await expect(namespaces.check('ambassador')).resolves.toBeUndefined();
    present = undefined;
    await expect(namespaces.check('a')).rejects.toMatchObject({ code: 'cluster.namespace-not-found' });
  });

  it('shut nobody out while the API server does not say', async () => {
    const silent = make([], selector, async () => {
      throw new Error('unreachable');
    });
    await expect(silent.check('a')).resolves.toBeUndefined();
  });
});
