import type { Handlers } from '#net/rpc/handlers.ts';
import { untilAborted } from '#net/rpc/handlers.ts';
import type { CallEvent, CallOutput } from '#protocol/local-api/local-api.ts';
import { type DaemonState, type Workload, type WorkloadDetails, workloadKey } from '#protocol/local-api/model.ts';
import { connectionOf, shopDetails, shopWorkloads, stateOf } from './world.ts';

/** What a page is shown: a state, and answers to the calls that it makes. */
export interface World {
  readonly state: DaemonState;
  readonly handlers: Partial<Handlers>;
}

export const contexts: CallOutput<'listContexts'>['contexts'] = [
  contextOf('production', 'https://prod.example.com:6443'),
  { ...contextOf('staging', 'https://staging.example.com:6443'), current: true, namespace: 'shop' },
  contextOf('k3d-local', 'https://127.0.0.1:6550'),
];

export function probeOf(change: Partial<CallOutput<'probeContext'>> = {}): CallOutput<'probeContext'> {
  return {
    context: 'staging',
    server: 'https://staging.example.com:6443',
    namespace: 'shop',
    serverVersion: 'v1.33.1',
    roundTripMs: 24.3,
    manager: { kind: 'ready', namespace: 'ambassador', version: '0.1.0' },
    namespaces: ['default', 'shop', 'shop-test'],
    mayInstall: true,
    ...change,
  };
}

/** Of a cluster that cannot be reached. */
export function unreachableProbe(error: NonNullable<CallOutput<'probeContext'>['error']>): CallOutput<'probeContext'> {
  return {
    context: 'staging',
    server: 'https://staging.example.com:6443',
    namespace: 'shop',
    manager: { kind: 'unknown' },
    namespaces: [],
    mayInstall: false,
    error,
  };
}

export function planOf(change: Partial<CallOutput<'planIntercept'>> = {}): CallOutput<'planIntercept'> {
  return {
    workload: 'catalog',
    workloadKind: 'Deployment',
    namespace: 'shop',
    container: 'catalog',
    ports: [
      {
        laptopPort: 8080,
        containerPort: 8080,
        protocol: 'TCP',
        identifier: 'http',
        service: { name: 'catalog', uid: 'u2', portName: 'http', port: 80 },
      },
    ],
    restarts: [],
    conflicts: [],
    rights: [
      { verb: 'create', resource: 'pods/portforward', namespace: 'ambassador', allowed: true, withoutIt: 'cannot-reconnect' },
      { verb: 'create', resource: 'pods/portforward', namespace: 'shop', allowed: true, withoutIt: 'slower' },
    ],
    commandLine: 'telepresence intercept catalog --port 8080:http',
    yaml: 'name: catalog\nworkload: catalog\nnamespace: shop\nports:\n  - target_port: 8080\n    port_id: http\n',
    warnings: [],
    ...change,
  };
}

/** Not connected, with three contexts. */
export function offWorld(change: Partial<DaemonState> = {}, handlers: Partial<Handlers> = {}): World {
  return {
    state: stateOf(change),
    handlers: {
      listContexts: async () => ({ contexts: [...contexts] }),
      probeContext: async () => probeOf(),
      ...handlers,
    },
  };
}

/** Connected to a small shop. */
export function onWorld(change: Partial<DaemonState> = {}, handlers: Partial<Handlers> = {}): World {
  return {
    state: stateOf({ connections: { 'staging-shop': connectionOf() }, ...change }),
    handlers: {
      listContexts: async () => ({ contexts: [...contexts] }),
      probeContext: async () => probeOf(),
      ...workloadHandlers(shopWorkloads, shopDetails),
      planIntercept: async ({ request }) =>
        planOf({
          workload: request.workload ?? request.name,
          commandLine: `telepresence intercept ${request.name} --port 8080:http`,
        }),
      checkLaptopPort: async () => ({ listening: true, process: { name: 'node', pid: 4711 } }),
      ...handlers,
    },
  };
}

/** The same with a daemon that has terminals, and kubectl. */
export function withTerminals({ state, handlers }: World): World {
  const capabilities = [...state.daemon.capabilities, 'terminal' as const, 'kubectl' as const];
  return { state: { ...state, daemon: { ...state.daemon, capabilities } }, handlers };
}

export function workloadHandlers(
  workloads: readonly Workload[],
  details: Readonly<Record<string, WorkloadDetails>>,
): Pick<Handlers, 'watchWorkloads' | 'watchWorkloadDetails'> {
  return {
    watchWorkloads: async (_input, { emit, signal }) => {
      emit({ kind: 'snapshot', workloads: [...workloads] });
      await untilAborted(signal);
      return {};
    },
    watchWorkloadDetails: async (_input, { emit, signal }) => {
      emit({ kind: 'snapshot', details: { ...details } });
      await untilAborted(signal);
      return {};
    },
  };
}

/** Fifty namespaces of forty workloads each. */
export function manyWorkloads(detailsOfOne: WorkloadDetails): {
  readonly workloads: readonly Workload[];
  readonly details: Readonly<Record<string, WorkloadDetails>>;
} {
  const workloads = Array.from(
    { length: 2_000 },
    (_unused, index): Workload => ({
      kind: index % 9 === 0 ? 'StatefulSet' : 'Deployment',
      name: `service-${String(index % 40).padStart(2, '0')}`,
      namespace: `team-${String(Math.floor(index / 40)).padStart(2, '0')}`,
      state: 'available',
      agent: index % 17 === 0 ? 'installed' : 'none',
      interceptedBy: [],
    }),
  );
  return { workloads, details: Object.fromEntries(workloads.map((workload) => [workloadKey(workload), detailsOfOne])) };
}

function contextOf(name: string, server: string): CallOutput<'listContexts'>['contexts'][number] {
  return { name, cluster: name, user: `${name}-dev`, namespace: '', server, current: false };
}

/** Connected to a cluster whose workloads change as a test says. `emit` throws until a page watches. */
export function changingWorld(
  workloads: readonly Workload[],
  details: Readonly<Record<string, WorkloadDetails>>,
): { readonly world: World; readonly emit: (event: CallEvent<'watchWorkloads'>) => void } {
  let emit: ((event: CallEvent<'watchWorkloads'>) => void) | undefined;
  const world = onWorld(
    {},
    {
      ...workloadHandlers([], details),
      watchWorkloads: async (_input, context) => {
        emit = (event) => context.emit(event);
        emit({ kind: 'snapshot', workloads: [...workloads] });
        await untilAborted(context.signal);
        return {};
      },
    },
  );
  return {
    world,
    emit: (event) => {
      if (emit === undefined) throw new Error('No page watches the workloads');
      emit(event);
    },
  };
}
