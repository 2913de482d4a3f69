import { create } from '@bufbuild/protobuf';
import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import {
  type InterceptSpec,
  type PreparedIntercept,
  PreparedInterceptSchema,
  WorkloadInfo_Kind,
} from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ManagedNamespaces } from '../namespaces/managed-namespaces.ts';
import type { LaptopSession, SessionRegistry } from '../sessions/session-registry.ts';
import type { WorkloadFacts } from '../workloads/workload-state.ts';
import type { InterceptObstacle, InterceptRegistry } from './intercept-registry.ts';
import { nearestNames } from './nearest-names.ts';
import type { InjectionPort, InjectionTarget, WorkloadInjector } from './workload-injector.ts';

export interface InterceptPreparerOptions {
  readonly sessions: SessionRegistry;
  readonly intercepts: InterceptRegistry;
  readonly namespaces: Pick<ManagedNamespaces, 'check'>;
  readonly injector: WorkloadInjector;
  /** The workloads of a namespace, as far as they can be told. */
  readonly workloads: (namespace: string, signal: AbortSignal) => Promise<readonly WorkloadFacts[]>;
  readonly agentImage: string;
  readonly agentArrivalTimeoutMs: number;
  readonly logger: Logger;
}

/** Sees to it that an intercept can begin: finds what is meant, whether it is free, and has agents put into the pods. */
export class InterceptPreparer {
  readonly #options: InterceptPreparerOptions;

  constructor(options: InterceptPreparerOptions) {
    this.#options = options;
  }

  /** @throws AppError */
  async prepare(
    session: LaptopSession,
    spec: InterceptSpec,
    signal: AbortSignal,
    onWarning?: (warning: AppError) => void,
  ): Promise<PreparedIntercept> {
    const found = await this.#find(session, spec, signal);
    this.#options.intercepts.checkFree(session, targetOf(spec, found));
    await this.#ensure(found.workload, signal, onWarning);
    return this.#prepared(found);
  }

  /** The same without doing anything: what is in the way is told. @throws AppError */
  async plan(
    session: LaptopSession,
    spec: InterceptSpec,
    signal: AbortSignal,
  ): Promise<{
    readonly prepared: PreparedIntercept;
    readonly conflicts: readonly InterceptObstacle[];
    readonly workload: string;
  }> {
    const found = await this.#find(session, spec, signal);
    const conflicts = this.#options.intercepts.conflictsWith(session, targetOf(spec, found));
    return { prepared: this.#prepared(found), conflicts, workload: found.workload.name };
  }

  async #find(session: LaptopSession, spec: InterceptSpec, signal: AbortSignal): Promise<InjectionPort> {
    const namespace = spec.namespace === '' ? session.laptop.namespace : spec.namespace;
    const workload = spec.agent === '' ? spec.name : spec.agent;
    await this.#options.namespaces.check(namespace);
    return await this.#resolve(namespace, workload, spec, signal);
  }

  #prepared(found: InjectionPort): PreparedIntercept {
    const { agentImage } = this.#options;
    const { service, containerPort, protocol } = found;
    return create(PreparedInterceptSchema, {
      namespace: found.workload.namespace,
      workloadKind: found.workload.kind,
      agentImage,
      protocol,
      containerPort,
      containerName: found.container,
      ...(service === undefined
        ? {}
        : {
            serviceUid: service.uid,
            serviceName: service.name,
            servicePortName: service.portName,
            servicePort: service.port,
          }),
    });
  }

  /** For a workload whose ports do not matter. @throws AppError */
  async ensureAgent(session: LaptopSession, name: string, signal: AbortSignal): Promise<void> {
    const { namespace } = session.laptop;
    await this.#options.namespaces.check(namespace);
    const candidates = await this.#options.workloads(namespace, signal);
    const kinds = candidates.filter((workload) => workload.name === name).map((workload) => workload.kind);
    const kind = targetKinds.find(([known]) => kinds.includes(known))?.[1];
    if (kind === undefined) {
      const message = `There is no Deployment, StatefulSet or ReplicaSet ${name} in namespace ${namespace}`;
      throw withNearest(
        new AppError({ code: 'workload.not-found', message, context: { namespace, workload: name } }),
        name,
        candidates,
      );
    }
    await this.#ensure({ namespace, kind, name }, signal);
  }

  async #resolve(namespace: string, name: string, spec: InterceptSpec, signal: AbortSignal): Promise<InjectionPort> {
    const { injector, workloads } = this.#options;
    const service = spec.serviceName === '' ? undefined : spec.serviceName;
    const container = spec.container === '' ? undefined : spec.container;
    try {
      return await injector.resolve(namespace, name, spec.portIdentifier, service, container);
    } catch (thrown) {
      const error = AppError.from(thrown);
      // With a reason, it is the port that is not there, and the reason says which are.
      if (error.code !== 'workload.not-found' || error.reason !== undefined) throw error;
      throw withNearest(error, name, await workloads(namespace, signal));
    }
  }

  /** Resolves when the workload's pods have agents, and one of them has called. */
  async #ensure(target: InjectionTarget, signal: AbortSignal, onWarning?: (warning: AppError) => void): Promise<void> {
    const { sessions, intercepts, injector, logger } = this.#options;
    const fields = { workload: `${target.name}.${target.namespace}`, kind: target.kind };
    const hadAgent = sessions.agentsOf(target.namespace, target.name).length > 0;
    const onStage = (stage: string) => {
      logger.info('A traffic-agent is on its way', { ...fields, stage });
      // Pods that had none were not intercepted: the new ones need not wait for laptops of before a restart, nor for being ready.
      intercepts.hear(target.namespace, target.name);
    };
    await injector.ensureAgent(target, signal, onStage, onWarning);
    try {
      await this.#agentArrived(target, signal);
    } catch (error) {
      // Nobody has to wait for what only tidies up.
      if (!hadAgent && !signal.aborted) void this.#undo(target);
      throw error;
    }
  }

  /** Resolves when an agent of the workload has a session. */
  async #agentArrived(target: InjectionTarget, signal: AbortSignal): Promise<void> {
    const { sessions, agentArrivalTimeoutMs } = this.#options;
    const isThere = () => sessions.agentsOf(target.namespace, target.name).length > 0;
    if (isThere()) return;
    const arrived = Promise.withResolvers<void>();
    const end = sessions.subscribe(() => (isThere() ? arrived.resolve() : undefined));
    const deadline = AbortSignal.timeout(agentArrivalTimeoutMs);
    try {
      await untilAborted(arrived.promise, AbortSignal.any([signal, deadline]));
    } catch (error) {
      if (signal.aborted) throw error;
      throw new AppError(
        {
          code: 'agent.failed',
          message: `The traffic-agent of ${target.kind} ${target.name}.${target.namespace} did not arrive within ${agentArrivalTimeoutMs / 1000} s`,
          reason:
            'The pods have it, but it has not called the traffic-manager: see the log of the container traffic-agent, and network policies',
          context: { workload: target.name, namespace: target.namespace },
          remedies: [
            {
              label: "See the agent's log",
              command: `kubectl --namespace ${target.namespace} logs ${target.kind.toLowerCase()}/${target.name} --container traffic-agent`,
            },
          ],
        },
        error,
      );
    } finally {
      end();
    }
  }

  /** What nobody can use must not stay in the pods. Never rejects. */
  async #undo(target: InjectionTarget): Promise<void> {
    try {
      await this.#options.injector.removeAgents([target]);
    } catch (error) {
      this.#options.logger.warn('Agents that did not arrive could not be removed', { workload: target.name, error });
    }
  }
}

function targetOf(spec: InterceptSpec, { workload, containerPort, protocol }: InjectionPort): InterceptSpec {
  const { namespace, name: agent, kind: workloadKind } = workload;
  return { ...spec, namespace, agent, workloadKind, containerPort, protocol };
}

/** The kinds that the injector knows, in the order in which it prefers them. */
const targetKinds = [
  [WorkloadInfo_Kind.DEPLOYMENT, 'Deployment'],
  [WorkloadInfo_Kind.STATEFULSET, 'StatefulSet'],
  [WorkloadInfo_Kind.REPLICASET, 'ReplicaSet'],
] as const;

/** With the names that are like it as the reason. */
export function withNearest(error: AppError, name: string, workloads: readonly WorkloadFacts[]): AppError {
  const known = workloads.map((workload) => workload.name);
  const nearest = nearestNames(name, known);
  const reason =
    nearest.length > 0
      ? `Did you mean ${nearest.join(', ')}?`
      : known.length === 0
        ? 'There are no workloads in this namespace'
        : 'No name is like it';
  return new AppError({ ...error.toData(), reason }, error);
}
