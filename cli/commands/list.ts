import type { ApiClient } from '#net/rpc/client.ts';
import { readState } from '#net/rpc/state-mirror.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallInput } from '#protocol/local-api/local-api.ts';
import type { Engagement, Workload } from '#protocol/local-api/model.ts';
import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';
import { chooseConnections } from './choose-connections.ts';
import { engagementDocument, engagementLines } from './engagement-text.ts';

export interface ListOptions {
  readonly namespace?: string;
  readonly agents?: boolean;
  readonly intercepts?: boolean;
  readonly replacements?: boolean;
  readonly ingests?: boolean;
  readonly wiretaps?: boolean;
  readonly debug?: boolean;
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
    const [{ workloads }, own] = await Promise.all([
      api.call('listWorkloads', input, { signal: invocation.signal }),
      ownEngagements(api, invocation),
    ]);
    const shown = workloads.filter((workload) => isWanted(workload, options, own)).sort(byName);
    invocation.output.result(
      shown.map((workload) => workloadDocument(workload, own)),
      () =>
        shown.length === 0
          ? 'No Workloads (Deployments, StatefulSets, ReplicaSets, or Rollouts)'
          : shown.flatMap((workload) => workloadLines(workload, own, options)).join('\n'),
    );
    return 0;
  });

/** Of the chosen connections, as far as these can be told. */
async function ownEngagements(api: ApiClient, invocation: Invocation): Promise<Engagement[]> {
  const state = await readState(api);
  if (Object.keys(state.connections).length === 0) return [];
  const names = chooseConnections(state, invocation.globals.use).map(({ name }) => name);
  return Object.values(state.engagements).filter(({ connection }) => names.includes(connection));
}

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
      output.stream({ kind: 'snapshot', workloads: workloads.map((workload) => workloadDocument(workload)) });
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

function isWanted(workload: Workload, options: ListOptions, own: readonly Engagement[] = []): boolean {
  const { agents = false, intercepts = false, replacements = false, ingests = false, wiretaps = false } = options;
  if (!agents && !intercepts && !replacements && !ingests && !wiretaps) return true;
  const isIntercepted = workload.agent === 'intercepted' || engagementsOf(workload, own).length > 0;
  return (agents && workload.agent !== 'none') || (intercepts && isIntercepted);
}

function engagementsOf({ kind, name, namespace }: Workload, own: readonly Engagement[]): Engagement[] {
  return own.filter(
    (engagement) =>
      engagement.workload === name &&
      engagement.namespace === namespace &&
      (engagement.workloadKind === '' || engagement.workloadKind === kind),
  );
}

function byName(a: Workload, b: Workload): number {
  return a.name === b.name ? compare(a.kind, b.kind) : compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function workloadDocument(workload: Workload, own: readonly Engagement[] = []): Record<string, unknown> {
  return {
    name: workload.name,
    namespace: workload.namespace,
    workload_resource_type: workload.kind,
    state: workload.state,
    agent: workload.agent,
    intercepted_by: workload.interceptedBy.map(({ owner }) => owner),
    intercept_clients: workload.interceptedBy.map(({ owner, since }) => ({
      client: owner,
      ...(since === undefined ? {} : { since }),
    })),
    intercept_infos: engagementsOf(workload, own).map((engagement) => engagementDocument(engagement)),
  };
}

function workloadLines(workload: Workload, own: readonly Engagement[], { debug = false }: ListOptions): string[] {
  const engagements = engagementsOf(workload, own);
  // One that somebody else ended is shown until it is left, but takes no traffic.
  const isServed = engagements.some((engagement) => engagement.state.kind !== 'ended');
  const state = isServed ? 'intercepted' : workloadState(workload);
  return [
    `${workload.kind.toLowerCase()} ${workload.name}: ${state}`,
    ...engagements.flatMap((engagement) => engagementLines(engagement, { debug })),
  ];
}

function workloadState({ agent, interceptedBy }: Workload): string {
  if (agent === 'intercepted') {
    const owners = interceptedBy.map(({ owner, since }) =>
      since === undefined ? owner : `${owner} since ${withoutFraction(since)}`,
    );
    return owners.length === 0 ? 'intercepted' : `intercepted by ${owners.join(', ')}`;
  }
  return `ready to attach (traffic-agent ${agent === 'none' ? 'not yet' : 'already'} installed)`;
}

/** To the second, as messages about conflicts have it. */
function withoutFraction(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}
