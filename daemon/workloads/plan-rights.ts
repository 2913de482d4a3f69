import type { KubeClient } from '#net/kube/kube-client.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { grantCommand } from '../kube/missing-right.ts';
import { agentRight, clientRights, type Right } from './access-review.ts';
import type { KeptReviews } from './kept-reviews.ts';

type PlannedRight = CallOutput<'planIntercept'>['rights'][number];

export interface RightsInputs {
  readonly managerNamespace: string;
  /** Of the workload. */
  readonly namespace: string;
  /** Whether there is a way to the traffic-manager now. */
  readonly isLinkUp: boolean;
  readonly client: KubeClient;
  /** Tells the client's user and cluster apart from others in `reviews`. */
  readonly user: string;
  readonly reviews: KeptReviews;
  readonly signal: AbortSignal;
}

/**
 * What an intercept takes of this user. The traffic-manager does everything in the cluster, so that what is left is the way to it, which
 * there may be already, and the straight way to the agents. Rights that the API server does not tell of are left out.
 */
export async function reviewRights(inputs: RightsInputs): Promise<PlannedRight[]> {
  const { managerNamespace, namespace, isLinkUp, client, user, reviews, signal } = inputs;
  const connecting = clientRights(managerNamespace).map((right) => ({
    right,
    withoutIt: isLinkUp ? ('cannot-reconnect' as const) : ('cannot-start' as const),
  }));
  // The one of connecting is for the agents' pods, too, where these are beside the traffic-manager.
  const agents = namespace === managerNamespace ? [] : [{ right: agentRight(namespace), withoutIt: 'slower' as const }];
  // What was found while there was a way says nothing about why there is none now.
  const askedFor = JSON.stringify([user, isLinkUp]);
  const reviewed = await Promise.all(
    [...connecting, ...agents].map(async (each) => ({
      ...each,
      allowed: await reviews.isAllowed(client, askedFor, each.right, signal),
    })),
  );
  signal.throwIfAborted();
  const name = reviewed.some(({ allowed }) => allowed === false) ? await reviews.nameOf(client, user, signal) : undefined;
  return reviewed.flatMap(({ right, withoutIt, allowed }) => {
    if (allowed === undefined) return [];
    const grant = allowed || name === undefined ? {} : { grant: grantOf(right, name) };
    return [{ verb: right.verb, resource: right.resource, namespace: right.namespace ?? '', allowed, withoutIt, ...grant }];
  });
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
