import type { ApiClient } from '#net/rpc/client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallInput } from '#protocol/local-api/local-api.ts';
import type { Workload } from '#protocol/local-api/model.ts';
import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';

export interface ListOptions {
  readonly namespace?: string;
  readonly agents?: boolean;
  readonly intercepts?: boolean;
}

/** Lists workloads, or keeps streaming their changes with `--output json-stream` until Ctrl-C. */
export const list: Command<ListOptions> = (invocation, options) =>
  withApi(requireDaemon(invocation), async (api) => {
    const { use } = invocation.globals;
    const input = {
      ...(use === undefined ? {} : { use }),
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    };
    if (invocation.output.format === 'json-stream') return await streamWorkloads(api, invocation, input, options);
    const { workloads } = await api.call('listWorkloads', input, { signal: invocation.signal });
    const shown = workloads.filter((workload) => isWanted(workload, options)).sort(byName);
    invocation.output.result(shown.map(workloadDocument), () =>
      shown.length === 0
        ? 'No Workloads (Deployments, StatefulSets, ReplicaSets, or Rollouts)'
        : shown.map(workloadLine).join('\n'),
    );
    return 0;
  });

async function streamWorkloads(
  api: ApiClient,
  invocation: Invocation,
  input: CallInput<'watchWorkloads'>,
  options: ListOptions,
): Promise<number> {
  const { output, signal } = invocation;
  const onEvent = (event: CallEvent<'watchWorkloads'>) => {
    if (event.kind === 'snapshot') {
      const workloads = event.workloads.filter((workload) => isWanted(workload, options)).sort(byName);
      output.stream({ kind: 'snapshot', workloads: workloads.map(workloadDocument) });
    } else if (isWanted(event.workload, options)) {
      output.stream({ kind: event.kind, workload: workloadDocument(event.workload) });
    } else if (event.kind === 'changed') {
      // It may have been wanted before.
      output.stream({ kind: 'removed', workload: workloadDocument(event.workload) });
    }
  };
  while (!signal.aborted) {
    try {
      await api.subscribe('watchWorkloads', input, { onEvent, signal });
      if (!signal.aborted) return 0;
    } catch (error) {
      // A reader that was too slow gets a fresh snapshot.
      if (!(error instanceof AppError) || error.code !== 'subscription.lagging') throw error;
    }
  }
  return 130;
}

function isWanted(workload: Workload, { agents = false, intercepts = false }: ListOptions): boolean {
  if (!agents && !intercepts) return true;
  return (agents && workload.agent !== 'none') || (intercepts && workload.agent === 'intercepted');
}

function byName(a: Workload, b: Workload): number {
  return a.name === b.name ? compare(a.kind, b.kind) : compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function workloadDocument(workload: Workload): Record<string, unknown> {
  return {
    name: workload.name,
    namespace: workload.namespace,
    workload_resource_type: workload.kind,
    state: workload.state,
    agent: workload.agent,
    intercepted_by: workload.interceptedBy,
  };
}

function workloadLine(workload: Workload): string {
  return `${workload.kind.toLowerCase()} ${workload.name}: ${workloadState(workload)}`;
}

function workloadState({ agent, interceptedBy }: Workload): string {
  if (agent === 'intercepted') return interceptedBy.length === 0 ? 'intercepted' : `intercepted by ${interceptedBy.join(', ')}`;
  return `ready to attach (traffic-agent ${agent === 'none' ? 'not yet' : 'already'} installed)`;
}
