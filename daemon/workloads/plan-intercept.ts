import type { KubeClient } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { Engagement, InterceptRequest } from '#protocol/local-api/model.ts';
import { interceptCommand } from './command-line.ts';
import { emptyPlan } from './empty-plan.ts';
import { errorDataOf } from './error-data.ts';
import type { KeptReviews } from './kept-reviews.ts';
import { checkLaptopPort } from './laptop-port.ts';
import type { ClusterPlan } from './plan-in-cluster.ts';
import { reviewRights } from './plan-rights.ts';
import { requestYaml } from './request-yaml.ts';
import type { KeptPod } from './workload-objects.ts';

type Plan = CallOutput<'planIntercept'>;

export interface PlanInputs {
  readonly request: InterceptRequest;
  readonly use: string | undefined;
  readonly managerNamespace: string;
  readonly cluster: ClusterPlan;
  /** Of the workload; `undefined` where this user may not see them. */
  readonly pods: readonly KeptPod[] | undefined;
  readonly client: KubeClient;
  /** Tells the client's user and cluster apart from others in `reviews`. */
  readonly user: string;
  readonly reviews: KeptReviews;
  /** Of this laptop. */
  readonly engagements: readonly Engagement[];
  readonly signal: AbortSignal;
}

/** The cluster's part of a plan, with what the laptop knows: which pods go, what this user may do, whether a handler is there. */
export async function completePlan(inputs: PlanInputs): Promise<Plan> {
  const { request, use, cluster, pods } = inputs;
  const place = { ...inputs, namespace: cluster.namespace, isLinkUp: true };
  const [rights, portWarnings] = await Promise.all([reviewRights(place), laptopWarnings(inputs)]);
  return {
    ...cluster,
    restarts: (pods ?? [])
      .filter(({ hasAgent, shown }) => !hasAgent && shown.phase !== 'Terminating')
      .map(({ shown }) => shown.name),
    rights,
    commandLine: interceptCommand(request, use),
    yaml: requestYaml(request, cluster),
    warnings: [
      ...cluster.warnings,
      ...(pods === undefined ? ['You may not list pods here, so which ones will restart is not known'] : []),
      ...portWarnings,
    ],
  };
}

/**
 * The plan while the way to the traffic-manager is being made again, where the user may not make it: then there is nothing to wait for.
 * `undefined`: there is.
 */
export async function planWithoutLink(inputs: {
  readonly request: InterceptRequest;
  readonly use: string | undefined;
  readonly managerNamespace: string;
  readonly namespace: string;
  readonly client: KubeClient;
  readonly user: string;
  readonly reviews: KeptReviews;
  readonly signal: AbortSignal;
}): Promise<Plan | undefined> {
  const { request, use, namespace } = inputs;
  const rights = await reviewRights({ ...inputs, isLinkUp: false });
  if (rights.every(({ allowed, withoutIt }) => allowed || withoutIt !== 'cannot-start')) return undefined;
  const cluster = emptyPlan(request, namespace);
  const error = new AppError({
    code: 'cluster.forbidden',
    message: 'The way to the traffic-manager is lost, and you may not make it again',
    reason: 'Rights were taken away since the connection was made',
  });
  return {
    ...cluster,
    restarts: [],
    rights,
    commandLine: interceptCommand(request, use),
    yaml: requestYaml(request, cluster),
    error: errorDataOf(error),
  };
}

async function laptopWarnings({ request, cluster, engagements }: PlanInputs): Promise<string[]> {
  const address = request.address ?? '127.0.0.1';
  const found = await Promise.all(
    cluster.ports.map(async ({ laptopPort, protocol }) => {
      const user = engagements.find(
        ({ name, laptopAddress, ports }) =>
          name !== request.name &&
          laptopAddress === address &&
          ports.some((port) => port.laptopPort === laptopPort && port.protocol === protocol),
      );
      if (user !== undefined) return [`${address}:${laptopPort} serves the engagement "${user.name}" already`];
      // What the daemon starts itself need not be there yet; UDP does not tell.
      if (protocol === 'UDP' || request.handler !== undefined) return [];
      const { listening } = await checkLaptopPort(address, laptopPort);
      return listening ? [] : [`Nothing listens on ${address}:${laptopPort} yet`];
    }),
  );
  return found.flat();
}
