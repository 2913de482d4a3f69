import { fieldAt, type KubeObject, listAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import { StatusError } from '../store/status-error.ts';
import type { ObjectStore, RemoveOptions } from '../store/store.ts';
import { fitsSelector } from './admission/selector.ts';

/** Removes a pod where the budgets that select it can do without. @throws StatusError 429 */
export function evict(store: ObjectStore, namespace: string, name: string, body: Readonly<Record<string, unknown>>): void {
  const pod = store.mustGet(resources.pods, namespace, name);
  const isReady = listAt(pod, 'status', 'conditions').some(({ type, status }) => type === 'Ready' && status === 'True');
  // What serves nobody is no loss.
  const budgets = isReady && pod.metadata.deletionTimestamp === undefined ? budgetsOf(store, pod) : [];
  for (const budget of budgets) requireAllowance(budget);
  const options = fieldAt(body, 'deleteOptions');
  const grace = fieldAt(options, 'gracePeriodSeconds');
  const dryRun = fieldAt(options, 'dryRun');
  const isDryRun = Array.isArray(dryRun) && dryRun.includes('All');
  store.remove(resources.pods, namespace, name, {
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    preconditions: fieldAt(options, 'preconditions') as RemoveOptions['preconditions'],
    isDryRun,
  });
  if (isDryRun) return;
  // The controller counts anew a moment later, which the next eviction must not be before.
  for (const budget of budgets) {
    store.patch(resources.podDisruptionBudgets, namespace, budget.metadata.name, (current) => ({
      ...current,
      status: { ...(current.status as object), disruptionsAllowed: allowance(current) - 1 },
    }));
  }
}

function budgetsOf(store: ObjectStore, pod: KubeObject): readonly KubeObject[] {
  return store
    .list(resources.podDisruptionBudgets, { namespace: pod.metadata.namespace })
    .filter((budget) => fitsSelector(fieldAt(budget, 'spec', 'selector'), pod.metadata.labels ?? {}));
}

function allowance(budget: KubeObject): number {
  return Number(fieldAt(budget, 'status', 'disruptionsAllowed') ?? 0);
}

function requireAllowance(budget: KubeObject): void {
  if (allowance(budget) > 0) return;
  const [desired, current] = ['desiredHealthy', 'currentHealthy'].map((field) => Number(fieldAt(budget, 'status', field) ?? 0));
  const why = `The disruption budget ${budget.metadata.name} needs ${desired} healthy pods and has ${current} currently`;
  throw new StatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why }],
  });
}
