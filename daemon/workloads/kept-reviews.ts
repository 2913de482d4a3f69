import type { KubeClient } from '#net/kube/kube-client.ts';
import { isAllowed, type Right } from './access-review.ts';

/** Rights change by a person's hand, and every open wizard asks for them all the time. */
const allowedKeptMs = 60_000;

/** Somebody may be granting it, and somebody else may be waiting for it. */
const refusedKeptMs = 15_000;

const identityTimeoutMs = 8_000;

interface Kept<Value> {
  readonly value: Value;
  /** By the clock of `performance`. */
  readonly until: number;
}

/** What the API server has said about the rights of its users, for as long as that may be taken as true. */
export class KeptReviews {
  readonly #verdicts = new Map<string, Kept<boolean>>();
  readonly #names = new Map<string, Kept<string | undefined>>();

  /** Whether the user of `client`, whom `user` tells apart from others, has a right; `undefined` where the API server does not say. */
  async isAllowed(client: KubeClient, user: string, right: Right, signal: AbortSignal): Promise<boolean | undefined> {
    const key = JSON.stringify([user, right]);
    const kept = fresh(this.#verdicts, key);
    if (kept !== undefined) return kept.value;
    try {
      const value = await isAllowed(client, right, signal);
      this.#verdicts.set(key, { value, until: performance.now() + (value ? allowedKeptMs : refusedKeptMs) });
      return value;
    } catch {
      return undefined;
    }
  }

  /** The name by which the cluster knows the user. Kubernetes tells since 1.28; without one there is nothing to hand to an administrator. */
  async nameOf(client: KubeClient, user: string, signal: AbortSignal): Promise<string | undefined> {
    const kept = fresh(this.#names, user);
    if (kept !== undefined) return kept.value;
    const value = await whoAmI(client, signal);
    this.#names.set(user, { value, until: performance.now() + allowedKeptMs });
    return value;
  }
}

/** What is kept of it, without all that is too old by now. */
function fresh<Value>(kept: Map<string, Kept<Value>>, key: string): Kept<Value> | undefined {
  const now = performance.now();
  for (const [other, { until }] of kept) if (until <= now) kept.delete(other);
  return kept.get(key);
}

async function whoAmI(client: KubeClient, signal: AbortSignal): Promise<string | undefined> {
  try {
    const review = await client.request<{ readonly status?: { readonly userInfo?: { readonly username?: string } } }>({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      signal,
      timeoutMs: identityTimeoutMs,
    });
    return review.status?.userInfo?.username;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
