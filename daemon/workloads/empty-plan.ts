import type { InterceptRequest } from '#protocol/local-api/model.ts';
import type { ClusterPlan } from './plan-in-cluster.ts';

/** What is known without the cluster. */
export function emptyPlan(request: InterceptRequest, namespace: string): ClusterPlan {
  return {
    workload: request.workload ?? request.name,
    workloadKind: '',
    namespace: request.namespace ?? namespace,
    ports: [],
    conflicts: [],
    warnings: [],
  };
}
