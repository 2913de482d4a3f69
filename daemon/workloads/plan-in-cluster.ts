import { Code, ConnectError } from '@connectrpc/connect';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import { engageError } from '../engagements/engage-error.ts';
import { portsOf } from '../engagements/intercepted-port.ts';
import type { DesktopClient } from '../link/wire-session.ts';
import { emptyPlan } from './empty-plan.ts';
import { errorDataOf } from './error-data.ts';

type Plan = CallOutput<'planIntercept'>;
export type ClusterPlan = Omit<Plan, 'restarts' | 'rights' | 'commandLine' | 'yaml'>;

interface PlanPlace {
  readonly desktop: DesktopClient;
  readonly session: { readonly sessionId: string };
  readonly namespace: string;
  readonly owner: string;
}

const planTimeoutMs = 10_000;

/** Where handlers listen, unless the request says something else. */
const defaultTargetHost = '127.0.0.1';

/** What the traffic-manager finds for each port of a request, by the rules of a real intercept. Its refusal is part of the plan. */
export async function planInCluster(request: InterceptRequest, place: PlanPlace, signal: AbortSignal): Promise<ClusterPlan> {
  const { desktop, session, owner } = place;
  let plan = emptyPlan(request, place.namespace);
  try {
    for (const port of portsOf(request)) {
      const draft = port.draft(request, { namespace: place.namespace, owner, targetHost: request.address ?? defaultTargetHost });
      const answer = await desktop.planIntercept({ session, interceptSpec: draft }, { signal, timeoutMs: planTimeoutMs });
      const { prepared, conflicts, workload } = answer;
      if (prepared === undefined) continue;
      port.prepare(draft, prepared);
      plan = {
        ...plan,
        workload: workload === '' ? plan.workload : workload,
        workloadKind: prepared.workloadKind,
        namespace: prepared.namespace,
        ...(plan.container === undefined ? { container: prepared.containerName } : {}),
        ports: [...plan.ports, ...port.snapshot()],
        conflicts: [
          ...plan.conflicts,
          ...conflicts.map(({ owner: other, since, message }) => ({
            owner: other,
            ...(since === '' ? {} : { since }),
            port: `${prepared.containerPort}/${prepared.protocol === '' ? 'TCP' : prepared.protocol}`,
            message,
          })),
        ],
      };
    }
    return plan;
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    if (ConnectError.from(thrown).code === Code.Unimplemented) {
      return { ...plan, warnings: ['This traffic-manager does not tell beforehand what an intercept would do'] };
    }
    const error = thrown instanceof AppError ? thrown : engageError(thrown, request.name);
    return { ...plan, error: errorDataOf(error) };
  }
}
