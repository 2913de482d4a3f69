import { expect, it } from 'vitest';
import type { Workload, WorkloadDetails } from '#protocol/local-api/model.ts';
import { applyChanges } from './workloads.ts';

const workload = (name: string, change: Partial<Workload> = {}): Workload => ({
  kind: 'Deployment',
  name,
  namespace: 'shop',
  state: 'available',
  agent: 'none',
  interceptedBy: [],
  ...change,
});
const details: WorkloadDetails = { desired: 1, ready: 1, createdAt: '', containers: [], services: [], pods: [] };
const nothing = { rows: new Map(), details: new Map(), isLoaded: false };

it('joins workloads and details in whichever order they come, and keeps rows that did not change', () => {
  const first = applyChanges(nothing, [
    { kind: 'details', event: { kind: 'snapshot', details: { 'Deployment/a.shop': details } } },
    { kind: 'workloads', event: { kind: 'snapshot', workloads: [workload('a'), workload('b')] } },
  ]);
  expect(first.isLoaded).toBe(true);
  expect(first.rows.get('Deployment/a.shop')?.details).toBe(details);
  const second = applyChanges(first, [
    { kind: 'details', event: { kind: 'changed', key: 'Deployment/b.shop', details } },
    { kind: 'workloads', event: { kind: 'changed', workload: workload('c') } },
  ]);
  expect(second.rows.get('Deployment/b.shop')?.details).toBe(details);
  expect(second.rows.get('Deployment/a.shop')).toBe(first.rows.get('Deployment/a.shop'));
  const third = applyChanges(second, [
    { kind: 'workloads', event: { kind: 'removed', workload: workload('a') } },
    { kind: 'details', event: { kind: 'removed', key: 'Deployment/b.shop' } },
  ]);
  expect([...third.rows.keys()]).toEqual(['Deployment/b.shop', 'Deployment/c.shop']);
  expect(third.rows.get('Deployment/b.shop')?.details).toBeUndefined();
});

it('begins anew with a snapshot, which comes after every reconnect', () => {
  const before = applyChanges(nothing, [{ kind: 'workloads', event: { kind: 'snapshot', workloads: [workload('a')] } }]);
  const after = applyChanges(before, [{ kind: 'workloads', event: { kind: 'snapshot', workloads: [workload('b')] } }]);
  expect([...after.rows.keys()]).toEqual(['Deployment/b.shop']);
});
