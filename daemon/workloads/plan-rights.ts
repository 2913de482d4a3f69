import type { KubeClient } from '#net/kube/kube-client.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { grantCommand } from '../kube/missing-right.ts';
import { agentRight, clientRights, isAllowed, type Right } from './access-review.ts';

type PlannedRight = CallOutput<'planIntercept'>['rights'][number];

export interface RightsInputs {
  readonly managerNamespace: string;
  /** Of the workload. */
  readonly namespace: string;
  /** Whether there is a way to the traffic-manager now. */
  readonly isLinkUp: boolean;
  readonly client: KubeClient;
  readonly signal: AbortSignal;
}

const identityTimeoutMs = 8_000;

/**
 * What an intercept takes of this user. The traffic-manager does everything in the cluster, so that what is left is the way to it, which
 * there may be already, and the straight way to the agents. Rights that the API server does not tell of are left out.
 */
export async function reviewRights(inputs: RightsInputs): Promise<PlannedRight[]> {
  const { managerNamespace, namespace, isLinkUp, client, signal } = inputs;
  const connecting = clientRights(managerNamespace).map((right) => ({
    right,
    withoutIt: isLinkUp ? ('cannot-reconnect' as const) : ('cannot-start' as const),
  }));
  // The one of connecting is for the agents' pods, too, where these are beside the traffic-manager.
  const agents = namespace === managerNamespace ? [] : [{ right: agentRight(namespace), withoutIt: 'slower' as const }];
  const reviewed = await Promise.all(
    [...connecting, ...agents].map(async (each) => ({
      ...each,
      allowed: await isAllowed(client, each.right, signal).catch(() => undefined),
    })),
  );
  signal.throwIfAborted();
  const user = reviewed.some(({ allowed }) => allowed === false) ? await whoAmI(client, signal) : undefined;
  return reviewed.flatMap(({ right, withoutIt, allowed }) => {
    if (allowed === undefined) return [];
    const grant = allowed || user === undefined ? {} : { grant: grantOf(right, user) };
    return [{ verb: right.verb, resource: right.resource, namespace: right.namespace ?? '', allowed, withoutIt, ...grant }];
  });
}

/** Kubernetes tells since 1.28; without a name there is nothing to hand to an administrator. */
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

function grantOf({ verb, resource, group, namespace, name }: Right, user: string): string {
  return grantCommand({
    user,
    verb,
    resource,
    group,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  });
}
