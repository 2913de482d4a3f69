import { create } from '@bufbuild/protobuf';
import { timestampNow, durationMs as toMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { Logger } from '#base/common/log.ts';
import {
  AgentInfoSnapshotSchema,
  AgentPodInfoSnapshotSchema,
  InterceptInfoSnapshotSchema,
  type Manager,
  type SessionInfo,
  WorkloadEventsDeltaSchema,
} from '#protocol/cluster/generated/manager_pb.js';
import type { ClusterDns } from '../dns/cluster-dns.ts';
import type { ClusterInfoSource } from '../info/cluster-info-source.ts';
import { type ManagerLog, parseLogLevel } from '../manager-log.ts';
import { managerProductName, managerVersion } from '../product-version.ts';
import type { Session, SessionRegistry } from '../sessions/session-registry.ts';
import { Waiter } from '../watched-value.ts';
import type { WorkloadChange } from '../workloads/namespace-workloads.ts';
import type { WorkloadSource } from '../workloads/workload-source.ts';
import { collectLogs, type LogSource } from './manager-logs.ts';

export interface ManagerServiceParts {
  readonly sessions: SessionRegistry;
  readonly info: ClusterInfoSource;
  readonly dns: ClusterDns;
  readonly workloads: WorkloadSource;
  readonly log: ManagerLog;
  readonly logger: Logger;
  readonly logSource: LogSource;
  readonly identity: () => { readonly clusterId: string; readonly installId: string };
  readonly agentImage: string;
  readonly onTraffic: (ingressBytes: bigint, egressBytes: bigint) => void;
  readonly onArrived: () => void;
}

/** The calls of `telepresence.manager.Manager`, but for `Tunnel`, which is served by hand. */
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
    version: () => ({ name: managerProductName, version: managerVersion }),
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

    arriveAsClient: (laptop) => {
      const session = sessions.arriveAsLaptop(laptop);
      parts.onArrived();
      const { name, namespace, product, version } = laptop;
      logger.info('A laptop arrived', { session: session.id, name, namespace, product, version });
      return toSessionInfo(session);
    },
    arriveAsAgent: (agent) => {
      const session = sessions.arriveAsAgent(agent);
      const { name, namespace, podName } = agent;
      logger.info('A traffic-agent arrived', { session: session.id, name, namespace, pod: podName });
      return toSessionInfo(session);
    },
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
      for await (const changes of parts.workloads.watch(namespace, lifeOf(session, context))) yield toDelta(changes);
    },
    lookupDNS: async ({ session: info, name, type }, context) => {
      const session = need(info);
      const namespace = session.kind === 'laptop' ? session.laptop.namespace : session.agent.namespace;
      const { rcode, rrs } = await parts.dns.lookup(name, type, namespace, context.signal);
      return { rCode: rcode, rrs };
    },

    async *watchAgentPods(info, context) {
      const life = lifeOf(need(info), context);
      yield create(AgentPodInfoSnapshotSchema);
      await untilAborted(life);
    },
    async *watchAgents(info, context) {
      const life = lifeOf(need(info), context);
      yield create(AgentInfoSnapshotSchema);
      await untilAborted(life);
    },
    async *watchAgentsNS({ session }, context) {
      const life = lifeOf(need(session), context);
      yield create(AgentInfoSnapshotSchema);
      await untilAborted(life);
    },
    async *watchIntercepts(info, context) {
      // Stock traffic-managers let anybody watch; an id that is sent must be known all the same.
      const life = lifeOf(need(info), context);
      yield create(InterceptInfoSnapshotSchema);
      await untilAborted(life);
    },
    // oxlint-disable-next-line require-yield -- no laptop is dialled before there are intercepts.
    async *watchDial(info, context) {
      await untilAborted(lifeOf(need(info), context));
    },
    // oxlint-disable-next-line require-yield -- laptops are not asked for names: only traffic-agents were, by old laptops.
    async *watchLookupDNS(info, context) {
      await untilAborted(lifeOf(need(info), context));
    },
    agentLookupDNSResponse: () => ({}),

    prepareIntercept: () => notYet('PrepareIntercept'),
    createIntercept: () => notYet('CreateIntercept'),
    removeIntercept: () => notYet('RemoveIntercept'),
    updateIntercept: () => notYet('UpdateIntercept'),
    getIntercept: () => notYet('GetIntercept'),
    reviewIntercept: () => notYet('ReviewIntercept'),
    ensureAgent: () => notYet('EnsureAgent'),

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

function toDelta(changes: readonly WorkloadChange[]) {
  return create(WorkloadEventsDeltaSchema, {
    since: timestampNow(),
    events: changes.map(({ type, workload }) => ({ type, workload: { ...workload } })),
  });
}

function unknownSession(id: string): ConnectError {
  return new ConnectError(`The session "${id}" is not known`, Code.NotFound);
}

function notYet(call: string): never {
  throw new ConnectError(`This traffic-manager does not offer intercepts yet (${call})`, Code.Unimplemented);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  const waiter = new Waiter(signal);
  await waiter.wait();
  waiter.close();
}
