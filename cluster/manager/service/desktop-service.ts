import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import type { Logger } from '#base/common/log.ts';
import type { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import { InterceptSpecSchema, type SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import { type InterceptPreparer, withNearest } from '../intercepts/intercept-preparer.ts';
import type { InterceptRegistry } from '../intercepts/intercept-registry.ts';
import type { InjectionTarget, WorkloadInjector } from '../intercepts/workload-injector.ts';
import type { LaptopSession, SessionRegistry } from '../sessions/session-registry.ts';
import type { WorkloadFacts } from '../workloads/workload-state.ts';
import { answered } from './call-error.ts';
import { unknownSession } from './unknown-session.ts';

export interface DesktopServiceParts {
  readonly sessions: SessionRegistry;
  readonly intercepts: InterceptRegistry;
  readonly preparer: Pick<InterceptPreparer, 'plan'>;
  /** Who may change the traffic-manager's ConfigMap may end anybody's intercepts. */
  readonly mayRevoke: (id: string, nonce: string, signal: AbortSignal) => Promise<boolean>;
  readonly injector: Pick<WorkloadInjector, 'targets' | 'removeAgents'>;
  /** The workloads of a namespace, as far as they can be told. */
  readonly workloads: (namespace: string, signal: AbortSignal) => Promise<readonly WorkloadFacts[]>;
  readonly logger: Logger;
}

/** The calls of `telepresence.desktop.v1.Desktop`. */
export function desktopService(parts: DesktopServiceParts): ServiceImpl<typeof Desktop> {
  const { sessions, intercepts, injector, logger } = parts;

  const needLaptop = (info: Pick<SessionInfo, 'sessionId'> | undefined): LaptopSession => {
    const id = info?.sessionId ?? '';
    const session = sessions.find(id);
    if (session === undefined) throw unknownSession(id);
    if (session.kind !== 'laptop') throw new ConnectError('This is for laptops, not for traffic-agents', Code.PermissionDenied);
    sessions.touch(session.id);
    return session;
  };

  /** Of each name, what has agents; a name that nothing has is a mistake, of which nothing comes. */
  const named = async (namespace: string, names: readonly string[], signal: AbortSignal): Promise<readonly InjectionTarget[]> => {
    const targets = (await injector.targets()).filter((target) => target.namespace === namespace && names.includes(target.name));
    const others = names.filter((name) => targets.every((target) => target.name !== name));
    if (others.length === 0) return targets;
    const known = await parts.workloads(namespace, signal);
    const unknown = others.find((name) => known.every((workload) => workload.name !== name));
    if (unknown === undefined) return targets;
    const message = `There is no workload ${unknown} in namespace ${namespace}`;
    const context = { namespace, workload: unknown };
    throw withNearest(new AppError({ code: 'workload.not-found', message, context }), unknown, known);
  };

  return {
    checkCaller: ({ session: info, caller: callerId }) => {
      const asking = sessions.find(info?.sessionId ?? '');
      if (asking === undefined) throw unknownSession(info?.sessionId ?? '');
      if (asking.kind !== 'agent') throw new ConnectError('This is for traffic-agents', Code.PermissionDenied);
      const caller = sessions.find(callerId);
      if (caller?.kind !== 'laptop') return { allowed: false };
      const isOfNamespace = caller.laptop.namespace === asking.agent.namespace;
      return { allowed: isOfNamespace || intercepts.isServedBy(caller.id, asking.agent) };
    },
    removeAgents: async ({ session: info, workloads: names, all }, context) =>
      await answered(async () => {
        const session = info === undefined && all ? undefined : needLaptop(info);
        if (all !== (names.length === 0)) {
          throw new AppError({ code: 'usage', message: 'Either workloads are named, or all are meant' });
        }
        const targets =
          all || session === undefined
            ? await injector.targets()
            : await named(session.laptop.namespace, [...new Set(names)], context.signal);
        const by = session?.laptop.name ?? 'The uninstaller';
        logger.info('Agents are to be removed', { by, workloads: targets.map(({ namespace, name }) => `${name}.${namespace}`) });
        for (const { namespace, name } of targets) {
          intercepts.endThoseOf(namespace, name, `${by} has had the traffic-agents of ${name}.${namespace} removed`);
        }
        const removed = await injector.removeAgents(targets);
        return { removed: removed.map(({ name, namespace }) => ({ name, namespace })) };
      }),
    planIntercept: async ({ session: info, interceptSpec }, context) =>
      await answered(async () => {
        const spec = interceptSpec ?? create(InterceptSpecSchema);
        const { prepared, conflicts, workload } = await parts.preparer.plan(needLaptop(info), spec, context.signal);
        return {
          prepared,
          workload,
          conflicts: conflicts.map((conflict) => ({ ...conflict, since: conflict.since.toISOString() })),
        };
      }),
    revokeIntercept: async ({ session: info, id, nonce }, context) =>
      await answered(async () => {
        const session = needLaptop(info);
        if (!(await parts.mayRevoke(id, nonce, context.signal))) {
          throw new AppError({
            code: 'cluster.forbidden',
            message: 'Only who may change the ConfigMap traffic-manager may revoke intercepts of others',
            reason: 'The ConfigMap does not have the annotation that shows it',
          });
        }
        const owner = intercepts.revoke(id, session.laptop.name);
        if (owner === undefined) throw new AppError({ code: 'engagement.not-found', message: `There is no intercept ${id}` });
        logger.info('An intercept was revoked', { intercept: id, owner, by: session.laptop.name });
        return { owner };
      }),
  };
}
