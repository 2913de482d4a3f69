import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  InterceptDispositionType,
  type InterceptInfo,
  InterceptInfoSchema,
  type InterceptSpec,
  type ReviewInterceptRequest,
} from '#protocol/cluster/generated/manager_pb.js';
import type { AgentSession, LaptopSession } from '../sessions/session-registry.ts';
import { areInConflict, requestFilterOf } from './request-filter.ts';

/** An agent's verdict, as long as its session lasts. */
interface Review {
  readonly agent: AgentSession;
  readonly verdict: ReviewInterceptRequest;
}

/** One intercept. `disposition` is not kept: it follows from the rest. */
export interface Intercept {
  /** `<session id>:<name>` */
  readonly id: string;
  readonly spec: InterceptSpec;
  readonly session: LaptopSession;
  readonly since: Date;
  /** In the order in which they came. */
  readonly reviews: readonly Review[];
  /** Agents of the workload that are there. */
  readonly agentCount: number;
  /** The laptop's lease is over; its session is not. */
  readonly isSilent: boolean;
  /** Why it is over. */
  readonly removedBecause: string | undefined;
  /** Another one with each change of any intercept, for those who watch. */
  readonly revision: number;
  readonly modifiedAt: Date;
}

type Standing =
  | { readonly state: 'removed' | 'silent' | 'waiting' }
  | { readonly state: 'active' | 'refused'; readonly review: Review };

const { ACTIVE, WAITING, REMOVED, NO_CLIENT } = InterceptDispositionType;

/**
 * ```
 *              an agent reviews: ACTIVE          its last agent is gone
 *   waiting ────────────────────────────► active ──────────────────────► waiting
 *      │ each agent reviews: an error        │ laptop silent      ▲ heard again
 *      ▼                                     ▼                    │
 *   refused ──► waiting, when these go     silent ────────────────┘
 *
 *   any ──► removed: left, displaced, or its session ended
 * ```
 *
 * With several agents the first that serves speaks for all; when it goes, the next that has reviewed takes over at once.
 */
export function standingOf({ removedBecause, isSilent, reviews, agentCount }: Intercept): Standing {
  if (removedBecause !== undefined) return { state: 'removed' };
  if (isSilent) return { state: 'silent' };
  const active = reviews.find(({ verdict }) => verdict.disposition === ACTIVE);
  if (active !== undefined) return { state: 'active', review: active };
  const refused = reviews.at(-1);
  // One that refuses may be on its way out, with a configuration of before.
  return refused === undefined || reviews.length < agentCount ? { state: 'waiting' } : { state: 'refused', review: refused };
}

/**
 * As its laptop sees it. Silence is for the agents to know: a laptop that hears of it is silent no more, and would take an error
 * disposition for the end.
 */
export function toLaptop(intercept: Intercept): InterceptInfo {
  const standing = standingOf(intercept);
  switch (standing.state) {
    case 'removed':
      return toInfo(intercept, { disposition: REMOVED, message: intercept.removedBecause ?? '' });
    case 'silent':
    case 'waiting': {
      const { agent, namespace } = intercept.spec;
      const message = `Waiting for a traffic-agent of ${agent}.${namespace} to ${intercept.agentCount > 0 ? 'take it on' : 'arrive'}`;
      return toInfo(intercept, { disposition: WAITING, message });
    }
    case 'active':
    case 'refused': {
      const { agent, verdict } = standing.review;
      return toInfo(intercept, {
        disposition: verdict.disposition,
        message: verdict.message,
        podName: agent.agent.podName,
        apiPort: agent.agent.apiPort,
        podIp: verdict.podIp === '' ? agent.agent.podIp : verdict.podIp,
        sftpPort: verdict.sftpPort,
        ftpPort: verdict.ftpPort,
        mountPoint: verdict.mountPoint,
        mechanismArgsDesc: verdict.mechanismArgsDesc,
        headers: verdict.headers,
        metadata: verdict.metadata,
        environment: verdict.environment,
      });
    }
  }
}

/**
 * As an agent of its workload sees it: what to do, and not what another pod's environment is. One that has not given its verdict is asked
 * for it even when another serves, so that it can take over without a gap.
 */
export function toAgent(intercept: Intercept, agentSessionId: string): InterceptInfo {
  const standing = standingOf(intercept);
  const hasReviewed = intercept.reviews.some(({ agent }) => agent.id === agentSessionId);
  switch (standing.state) {
    case 'removed':
      return toInfo(intercept, { disposition: REMOVED });
    case 'silent':
      return toInfo(intercept, { disposition: NO_CLIENT, message: 'The laptop has not been heard of' });
    case 'waiting':
      return toInfo(intercept, { disposition: WAITING });
    case 'active':
    case 'refused': {
      if (!hasReviewed) return toInfo(intercept, { disposition: WAITING });
      const { agent, verdict } = standing.review;
      const podIp = verdict.podIp === '' ? agent.agent.podIp : verdict.podIp;
      return toInfo(intercept, {
        disposition: verdict.disposition,
        message: verdict.message,
        podName: agent.agent.podName,
        podIp,
        headers: verdict.headers,
        metadata: verdict.metadata,
      });
    }
  }
}

/** What two laptops can quarrel over. */
export type InterceptTarget = Pick<
  InterceptSpec,
  | 'agent'
  | 'namespace'
  | 'workloadKind'
  | 'containerPort'
  | 'portIdentifier'
  | 'protocol'
  | 'replace'
  | 'mechanism'
  | 'mechanismArgs'
>;

/** Whether both want the same requests. `replace` stands in for every port of its container, whichever these are. */
export function collide(a: InterceptTarget, b: InterceptTarget): boolean {
  if (a.namespace !== b.namespace || a.agent !== b.agent) return false;
  if (a.workloadKind !== '' && b.workloadKind !== '' && a.workloadKind !== b.workloadKind) return false;
  if (a.replace || b.replace) return true;
  return portOf(a) === portOf(b) && areInConflict(requestFilterOf(a), requestFilterOf(b));
}

/** `8080/TCP` */
export function portOf({ containerPort, portIdentifier, protocol }: InterceptTarget): string {
  const [identifier = '', suffix = ''] = portIdentifier.split('/');
  const port = containerPort > 0 ? String(containerPort) : identifier;
  return `${port}/${(protocol === '' ? suffix || 'TCP' : protocol).toUpperCase()}`;
}

function toInfo(
  intercept: Intercept,
  rest: Partial<Omit<InterceptInfo, '$typeName' | '$unknown' | 'spec' | 'clientSession'>>,
): InterceptInfo {
  return create(InterceptInfoSchema, {
    ...rest,
    spec: intercept.spec,
    id: intercept.id,
    clientSession: { sessionId: intercept.session.id, installId: intercept.session.laptop.installId },
    modifiedAt: timestampFromDate(intercept.modifiedAt),
  });
}
