import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { encodeError, warningTrailer } from '#protocol/cluster/error-trailer.ts';
import type { AgentInfo, Manager, SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import { InterceptSpecSchema } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import { agentInfos, agentPods } from '../agents/agent-snapshots.ts';
import { Changes } from '../changes.ts';
import type { InterceptPreparer } from '../intercepts/intercept-preparer.ts';
import type { InterceptRegistry } from '../intercepts/intercept-registry.ts';
import type { LaptopSession, Session, SessionRegistry } from '../sessions/session-registry.ts';
import type { DialRelay } from '../tunnel/dial-relay.ts';
import { answered, toPreparedError } from './call-error.ts';

export interface InterceptCallParts {
  readonly sessions: SessionRegistry;
  readonly intercepts: InterceptRegistry;
  readonly preparer: InterceptPreparer;
  readonly relay: DialRelay;
  /** Names of variables that laptops do not get. */
  readonly excludedVariables: ReadonlySet<string>;
}

type Calls = Pick<
  ServiceImpl<typeof Manager>,
  | 'prepareIntercept'
  | 'createIntercept'
  | 'removeIntercept'
  | 'updateIntercept'
  | 'getIntercept'
  | 'reviewIntercept'
  | 'ensureAgent'
  | 'watchIntercepts'
  | 'watchAgentPods'
  | 'watchAgents'
  | 'watchAgentsNS'
  | 'watchDial'
>;

type SessionOf = (info: Pick<SessionInfo, 'sessionId'> | undefined) => Session;

/** The calls about agents and intercepts. */
export function interceptCalls(
  parts: InterceptCallParts,
  need: SessionOf,
  lifeOf: (session: Session, context: HandlerContext) => AbortSignal,
): Calls {
  const { sessions, intercepts, preparer, relay } = parts;
  const agentChanges = new Changes();
  sessions.subscribe((event) => (event.session.kind === 'agent' ? agentChanges.tell() : undefined));
  intercepts.changes.subscribe(() => agentChanges.tell());

  /** Only laptops, which then are in use. */
  const needLaptop = (info: Pick<SessionInfo, 'sessionId'> | undefined): LaptopSession => {
    const session = need(info);
    if (session.kind !== 'laptop') throw new ConnectError('This is for laptops, not for traffic-agents', Code.PermissionDenied);
    sessions.touch(session.id);
    return session;
  };
  const namespaceOf = (session: Session) => (session.kind === 'laptop' ? session.laptop.namespace : session.agent.namespace);

  return {
    prepareIntercept: async ({ session: info, interceptSpec }, context) =>
      await answered(async () => {
        const session = needLaptop(info);
        try {
          const warn = (warning: AppError) => context.responseTrailer.set(warningTrailer, encodeError(warning));
          return await preparer.prepare(session, interceptSpec ?? create(InterceptSpecSchema), context.signal, warn);
        } catch (thrown) {
          const error = AppError.from(thrown);
          // Somebody else's intercept is told by a status, as `CreateIntercept` does: it is not the request that is wrong.
          if (error.code === 'engagement.conflict' || error.code === 'cancelled') throw error;
          return toPreparedError(error, context.responseTrailer);
        }
      }),
    ensureAgent: async ({ session: info, name }, context) =>
      await answered(async () => {
        await preparer.ensureAgent(needLaptop(info), name, context.signal);
        return {};
      }),
    createIntercept: async ({ session, interceptSpec }) =>
      await answered(() => intercepts.create(needLaptop(session), interceptSpec ?? create(InterceptSpecSchema))),
    removeIntercept: async ({ session, name }) =>
      await answered(() => {
        if (!intercepts.remove(needLaptop(session), name)) throw noIntercept(name);
        return {};
      }),
    getIntercept: async ({ session, name }) =>
      await answered(() => {
        const found = intercepts.find(needLaptop(session), name);
        if (found === undefined) throw noIntercept(name);
        return found;
      }),
    updateIntercept: () => {
      throw new ConnectError('Preview URLs are not offered', Code.Unimplemented);
    },
    reviewIntercept: (verdict) => {
      const session = need(verdict.session);
      if (session.kind !== 'agent') throw new ConnectError('Only traffic-agents review intercepts', Code.PermissionDenied);
      // One that is gone by now is no failure: the agent is about to hear of it.
      const environment = Object.fromEntries(
        Object.entries(verdict.environment).filter(([name]) => !parts.excludedVariables.has(name)),
      );
      intercepts.review(session, { ...verdict, environment });
      return {};
    },

    async *watchIntercepts(info, context) {
      const session = need(info);
      const watch = intercepts.changes.watch(lifeOf(session, context), () => intercepts.snapshotFor(session));
      for await (const found of watch) yield { intercepts: found };
    },
    async *watchAgentPods(info, context) {
      const session = need(info);
      const isIntercepted = (agent: AgentInfo) => intercepts.isServedBy(session.id, agent);
      yield* agentChanges.watch(lifeOf(session, context), () => agentPods(sessions, namespaceOf(session), isIntercepted));
    },
    async *watchAgents(info, context) {
      const session = need(info);
      yield* agentChanges.watch(lifeOf(session, context), () => agentInfos(sessions, [namespaceOf(session)]));
    },
    async *watchAgentsNS({ session: info, namespaces }, context) {
      const session = need(info);
      const asked = namespaces.length === 0 ? [namespaceOf(session)] : namespaces;
      yield* agentChanges.watch(lifeOf(session, context), () => agentInfos(sessions, asked));
    },
    async *watchDial(info, context) {
      const session = need(info);
      yield* relay.watch(session.id, lifeOf(session, context));
    },
  };
}

function noIntercept(name: string): AppError {
  return new AppError({ code: 'engagement.not-found', message: `There is no intercept "${name}"` });
}
