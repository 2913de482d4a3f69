import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampNow, durationMs as toMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { Logger } from '#base/common/log.ts';
import { formerSessionHeader, wireVersion } from '#protocol/cluster/desktop-wire.ts';
import {
  type Manager,
  type SessionInfo,
  WorkloadEventsDeltaSchema,
  WorkloadInfo_AgentState,
} from '#protocol/cluster/generated/manager_pb.js';
import type { ClusterInfoSource } from '../info/cluster-info-source.ts';
import { type ManagerLog, parseLogLevel } from '../manager-log.ts';
import type { ManagedNamespaces } from '../namespaces/managed-namespaces.ts';
import { managerProductName } from '../product-version.ts';
import type { Session } from '../sessions/session-registry.ts';
import { Waiter } from '../watched-value.ts';
import type { WorkloadChange } from '../workloads/namespace-workloads.ts';
import type { WorkloadSource } from '../workloads/workload-source.ts';
import { answered } from './call-error.ts';
import { type InterceptCallParts, interceptCalls } from './intercept-calls.ts';
import { collectLogs, type LogSource } from './manager-logs.ts';
import { unknownSession } from './unknown-session.ts';

/**
 * Request header of `ArriveAsClient`: the session id that the laptop had with this traffic-manager's predecessor, and gets again. So the ids
 * of its intercepts stay, and agents do not see others in their place.
 */

const { INTERCEPTED, INSTALLED, NO_AGENT_UNSPECIFIED } = WorkloadInfo_AgentState;

export interface ManagerServiceParts extends InterceptCallParts {
  readonly namespaces: Pick<ManagedNamespaces, 'check'>;
  readonly info: ClusterInfoSource;
  readonly workloads: WorkloadSource;
  readonly log: ManagerLog;
  readonly logger: Logger;
  readonly logSource: LogSource;
  readonly identity: () => { readonly clusterId: string; readonly installId: string };
  readonly agentImage: string;
  readonly onTraffic: (ingressBytes: bigint, egressBytes: bigint) => void;
  readonly onArrived: () => void;
}

/** The calls of `telepresence.manager.Manager`, but for `Tunnel` and `LookupDNS`, which are served by hand. */
export function managerService(parts: ManagerServiceParts): Partial<ServiceImpl<typeof Manager>> {
  const { sessions, logger } = parts;

  const need = (info: Pick<SessionInfo, 'sessionId'> | undefined): Session => {
    const session = sessions.find(info?.sessionId ?? '');
    if (session === undefined) throw unknownSession(info?.sessionId ?? '');
    return session;
  };
  /** Ends with the session, the call or the server, whichever is first. */
  const lifeOf = (session: Session, context: HandlerContext): AbortSignal => AbortSignal.any([session.signal, context.signal]);
  const toSessionInfo = (session: Session) => ({ sessionId: session.id, ...parts.identity() });

  return {
    version: () => ({ name: managerProductName, version: wireVersion }),
    getAgentImageFQN: () => {
      if (parts.agentImage === '') throw new ConnectError('No image of the traffic-agent is configured', Code.Unavailable);
      return { fQN: parts.agentImage };
    },
    getLicense: () => ({}),
    canConnectAmbassadorCloud: () => ({ canConnect: false }),
    getCloudConfig: () => ({}),
    getClientConfig: () => ({ configYaml: new TextEncoder().encode(parts.info.clientConfigYaml) }),
    // The traffic-agent's own API for applications is not offered.
    getTelepresenceAPI: () => ({ port: 0 }),
    getKnownWorkloadKinds: (info) => {
      need(info);
      return { kinds: parts.workloads.kinds };
    },

    arriveAsClient: async (laptop, context) =>
      await answered(async () => {
        await parts.namespaces.check(laptop.namespace);
        const session = sessions.arriveAsLaptop(laptop, context.requestHeader.get(formerSessionHeader) ?? '');
        parts.onArrived();
        const { name, namespace, product, version } = laptop;
        logger.info('A laptop arrived', { session: session.id, name, namespace, product, version });
        return toSessionInfo(session);
      }),
    arriveAsAgent: async (agent) =>
      await answered(() => {
        const session = sessions.arriveAsAgent(agent);
        const { name, namespace, podName } = agent;
        logger.info('A traffic-agent arrived', { session: session.id, name, namespace, pod: podName });
        return toSessionInfo(session);
      }),
    remain: ({ session }) => {
      if (!sessions.remain(session?.sessionId ?? '')) throw unknownSession(session?.sessionId ?? '');
      return {};
    },
    depart: ({ sessionId }) => {
      // One that is gone already has departed as well.
      sessions.depart(sessionId);
      return {};
    },

    async *watchClusterInfo(info, context) {
      yield* parts.info.info.watch(lifeOf(need(info), context));
    },
    async *watchWorkloads({ sessionInfo }, context) {
      const session = need(sessionInfo);
      const namespace = session.kind === 'laptop' ? session.laptop.namespace : session.agent.namespace;
      let isSnapshot = true;
      for await (const changes of parts.workloads.watch(namespace, lifeOf(session, context))) {
        yield toDelta(changes, isSnapshot, parts);
        isSnapshot = false;
      }
    },
    // oxlint-disable-next-line require-yield -- laptops are not asked for names: only traffic-agents were, by old laptops.
    async *watchLookupDNS(info, context) {
      await untilAborted(lifeOf(need(info), context));
    },
    agentLookupDNSResponse: () => ({}),

    ...interceptCalls(parts, need, lifeOf),

    setLogLevel: ({ logLevel, duration }) => {
      const level = parseLogLevel(logLevel);
      if (level === undefined) throw new ConnectError(`There is no log level "${logLevel}"`, Code.InvalidArgument);
      parts.log.setLevel(level, duration === undefined ? 0 : toMs(duration));
      return {};
    },
    async *watchLogLevel(_empty, context) {
      for await (const logLevel of parts.log.level.watch(context.signal)) yield { logLevel };
    },
    getLogs: async ({ trafficManager, getPodYaml }) =>
      trafficManager ? await collectLogs(parts.logSource, getPodYaml) : { podLogs: {}, podYaml: {}, errMsg: '' },
    reportMetrics: ({ ingressBytes, egressBytes }) => {
      parts.onTraffic(ingressBytes, egressBytes);
      return {};
    },
  };
}

/** Who has an agent, and who is intercepted, is looked up at the time of telling. */
function toDelta(
  changes: readonly WorkloadChange[],
  isSnapshot: boolean,
  { sessions, intercepts }: Pick<ManagerServiceParts, 'sessions' | 'intercepts'>,
) {
  return create(WorkloadEventsDeltaSchema, {
    since: timestampNow(),
    isSnapshot,
    events: changes.map(({ type, workload }) => {
      const clients = intercepts.interceptorsOf(workload.namespace, workload.name);
      const hasAgent = sessions.agentsOf(workload.namespace, workload.name).length > 0;
      const agentState = clients.length > 0 ? INTERCEPTED : hasAgent ? INSTALLED : NO_AGENT_UNSPECIFIED;
      const interceptClients = clients.map(({ client, since }) => ({ client, since: timestampFromDate(since) }));
      return { type, workload: { ...workload, agentState, interceptClients } };
    }),
  });
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  const waiter = new Waiter(signal);
  await waiter.wait();
  waiter.close();
}
