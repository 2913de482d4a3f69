import { KubeClient } from '#net/kube/kube-client.ts';
import { type Handlers, untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import { loadConfig } from '../config/load-config.ts';
import type { Connections } from '../connection/connections.ts';
import { KeptReviews } from './kept-reviews.ts';
import { checkLaptopPort } from './laptop-port.ts';
import type { NamespaceDetails } from './namespace-details.ts';
import type { ClusterPlan } from './plan-in-cluster.ts';
import { completePlan, planWithoutLink } from './plan-intercept.ts';
import { probeContext } from './probe-context.ts';
import { SharedDetails } from './shared-details.ts';
import type { KeptPod } from './workload-objects.ts';

const forbiddenCondition = 'workloads.forbidden';

type Calls = 'probeContext' | 'watchWorkloadDetails' | 'planIntercept' | 'checkLaptopPort';

/** The calls about clusters and workloads that the Kubernetes API answers, with the user's own rights. */
export function createWorkloadHandlers(daemon: DaemonContext, connections: Connections): Pick<Handlers, Calls> {
  const shared = new SharedDetails(daemon.logger.child('details'));
  const reviews = new KeptReviews();
  daemon.onQuit(async () => shared.stop());

  /** The details of a namespace of a connection, until either ends. */
  const withDetails = async <T>(
    { use, namespace }: { readonly use: string | undefined; readonly namespace: string | undefined },
    signal: AbortSignal,
    work: (details: NamespaceDetails, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const { request, connection } = connections.target(use);
    const end = new AbortController();
    const unsubscribe = daemon.state.subscribe((event) => {
      if (
        event.kind === 'delta' &&
        event.collection === 'connections' &&
        event.id === connection.name &&
        event.value === undefined
      )
        end.abort(new AppError({ code: 'connection.lost', message: `The connection "${connection.name}" has ended` }));
    });
    try {
      const both = AbortSignal.any([signal, end.signal]);
      const openClient = async () => {
        const { loadKubeconfig } = await import('../kube/kubeconfig.ts');
        return new KubeClient(loadKubeconfig(request).credentials);
      };
      const of = namespace ?? connection.namespace;
      const result = await shared.use(userKey({ request, connection }), of, openClient, (details) => work(details, both), both);
      if (end.signal.aborted && !signal.aborted) throw end.signal.reason;
      return result;
    } finally {
      unsubscribe();
    }
  };

  const reportForbidden = (connection: string, namespace: string, forbidden: readonly string[]) => {
    if (forbidden.length === 0) {
      daemon.health.clear(forbiddenCondition, connection);
      return;
    }
    daemon.health.raise({
      code: forbiddenCondition,
      severity: 'warning',
      title: 'Workloads are shown without details',
      message: `You may not list ${forbidden.join(', ')} in namespace ${namespace}`,
      connection,
      remedies: [
        { label: 'Have the rights of every user installed', command: 'telepresence helm upgrade --set clientRbac.create=true' },
      ],
    });
  };

  return {
    probeContext: async (input, { signal }) => {
      const managerNamespaceOf = (extension: unknown) =>
        input.managerNamespace ?? daemon.env['TELEPRESENCE_MANAGER_NAMESPACE'] ?? configuredNamespace(daemon, extension);
      return await probeContext(input, managerNamespaceOf, signal);
    },
    watchWorkloadDetails: async ({ use, namespace }, { emit, signal }) => {
      await withDetails({ use, namespace }, signal, async (details, both) => {
        const { connection } = connections.target(use);
        reportForbidden(connection.name, namespace ?? connection.namespace, details.forbidden);
        const unsubscribe = details.subscribe({
          snapshot: (found) => emit({ kind: 'snapshot', details: found }),
          changed: (changes) => {
            for (const change of changes) emit(change);
          },
        });
        await untilAborted(both);
        unsubscribe();
        daemon.health.clear(forbiddenCondition, connection.name);
      });
      return {};
    },
    planIntercept: async ({ use, request }, { signal }) => {
      const { request: target, connection } = connections.target(use);
      const { managerNamespace, namespace } = connection;
      const user = userKey({ request: target, connection });
      const { loadKubeconfig } = await import('../kube/kubeconfig.ts');
      const client = new KubeClient(loadKubeconfig(target).credentials);
      try {
        if (connection.state.kind === 'reconnecting') {
          const plan = await planWithoutLink({ request, use, managerNamespace, namespace, client, user, reviews, signal });
          if (plan !== undefined) return plan;
        }
        const cluster = await connections.thread(use).call('planIntercept', { request }, { signal });
        return await withDetails({ use, namespace: cluster.namespace }, signal, async (details, both) => {
          const mayListPods = !details.forbidden.includes('pods');
          return await completePlan({
            request,
            use,
            managerNamespace,
            cluster,
            pods: mayListPods ? podsOf(details, cluster) : undefined,
            client,
            user,
            reviews,
            engagements: Object.values(daemon.state.state.engagements),
            signal: both,
          });
        });
      } finally {
        client.close();
      }
    },
    checkLaptopPort: async ({ address = '127.0.0.1', port }) => {
      const engagement = Object.values(daemon.state.state.engagements).find(
        ({ laptopAddress, ports }) => laptopAddress === address && ports.some(({ laptopPort }) => laptopPort === port),
      );
      const found = await checkLaptopPort(address, port);
      return { ...found, ...(engagement === undefined ? {} : { engagement: engagement.name }) };
    },
  };
}

/** Another connection of the same name may be to another cluster, or another user's. */
function userKey({ request, connection }: ReturnType<Connections['target']>): string {
  return JSON.stringify([connection.name, connection.server, request]);
}

/** Of the kind that was found, or of the one that would be, where the traffic-manager does not tell. */
function podsOf(details: NamespaceDetails, { workload, workloadKind }: ClusterPlan): readonly KeptPod[] {
  const kinds = workloadKind === '' ? ['Deployment', 'StatefulSet', 'ReplicaSet'] : [workloadKind];
  return kinds.map((kind) => details.podsOf(`${kind}/${workload}`)).find((pods) => pods.length > 0) ?? [];
}

/** A configuration that is wrong is for a connect to complain about. */
function configuredNamespace({ paths }: DaemonContext, extension: unknown): string {
  try {
    const inputs = { configFile: paths.configFile, ...(extension === undefined ? {} : { kubeconfigExtension: extension }) };
    return loadConfig(inputs).config.cluster.defaultManagerNamespace;
  } catch {
    return loadConfig({ configFile: '' }).config.cluster.defaultManagerNamespace;
  }
}
