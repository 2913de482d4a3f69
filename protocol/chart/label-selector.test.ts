import { expect, it } from 'vitest';
import { selects } from './label-selector.ts';

it('selects as Kubernetes does', () => {
  const labels = { team: 'blue', stage: 'dev' };
  const one = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', key: string, ...values: readonly string[]) =>
    selects({ matchExpressions: [{ key, operator, values }] }, labels);
  expect(selects(undefined, labels)).toBe(true);
  expect(selects({ matchLabels: { team: 'blue' } }, labels)).toBe(true);
  expect(selects({ matchLabels: { team: 'red' } }, labels)).toBe(false);
  expect(one('In', 'team', 'red', 'blue')).toBe(true);
  expect(one('In', 'absent', 'red')).toBe(false);
  expect(one('NotIn', 'absent', 'red')).toBe(true);
  expect(one('NotIn', 'team', 'blue')).toBe(false);
  expect(one('Exists', 'stage')).toBe(true);
  expect(one('DoesNotExist', 'stage')).toBe(false);
});
