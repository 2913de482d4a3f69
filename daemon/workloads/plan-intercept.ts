import type { KubeClient } from '#net/kube/kube-client.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { Engagement, InterceptRequest } from '#protocol/local-api/model.ts';
import { clientRights, isAllowed, type Right } from './access-review.ts';
import { interceptCommand } from './command-line.ts';
import { checkLaptopPort } from './laptop-port.ts';
import type { ClusterPlan } from './plan-in-cluster.ts';
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
  /** Of this laptop. */
  readonly engagements: readonly Engagement[];
  readonly signal: AbortSignal;
}

/** The cluster's part of a plan, with what the laptop knows: which pods go, what this user may do, whether a handler is there. */
export async function completePlan(inputs: PlanInputs): Promise<Plan> {
  const { request, use, cluster, pods } = inputs;
  const [rights, portWarnings] = await Promise.all([reviewRights(inputs), laptopWarnings(inputs)]);
  return {
    ...cluster,
    restarts: (pods ?? [])
      .filter(({ hasAgent, shown }) => !hasAgent && shown.phase !== 'Terminating')
      .map(({ shown }) => shown.name),
    rights,
    commandLine: interceptCommand(request, use),
    warnings: [
      ...cluster.warnings,
      ...(pods === undefined ? ['You may not list pods here, so which ones will restart is not known'] : []),
      ...portWarnings,
    ],
  };
}

async function reviewRights({ managerNamespace, client, signal }: PlanInputs): Promise<Plan['rights']> {
  const needed = clientRights(managerNamespace);
  const reviewed = await Promise.all(
    needed.map(async (right) => ({ right, allowed: await isAllowed(client, right, signal).catch(() => undefined) })),
  );
  signal.throwIfAborted();
  return reviewed.flatMap(({ right, allowed }) => (allowed === undefined ? [] : [{ ...told(right), allowed }]));
}

function told({ verb, resource, namespace = '' }: Right): Omit<Plan['rights'][number], 'allowed'> {
  return { verb, resource, namespace };
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
