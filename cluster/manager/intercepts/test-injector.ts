import { AppError } from '#protocol/errors/app-error.ts';
import type { InjectionPort, InjectionTarget, WorkloadInjector } from './workload-injector.ts';

/** For tests: an injector that knows the workloads it was told of, and calls back where it would roll pods. */
export class TestInjector implements WorkloadInjector {
  readonly removed: InjectionTarget[] = [];
  /** Workloads that have agents. */
  injected: readonly InjectionTarget[] = [];
  readonly #ports = new Map<string, readonly InjectionPort[]>();
  onEnsure: (target: InjectionTarget, signal: AbortSignal) => Promise<void> = async () => undefined;
  onRemoved: () => void = () => undefined;

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  /** A Deployment with a Service that has these ports, from 8080 on in the container. */
  put(namespace: string, name: string, ...ports: readonly string[]): void {
    const found = ports.map(
      (portName, at): InjectionPort => ({
        workload: { namespace, kind: 'Deployment', name },
        container: 'app',
        containerPort: 8080 + at,
        protocol: 'TCP',
        service: { name, uid: `uid-of-${name}`, portName, port: 80 + at },
      }),
    );
    this.#ports.set(`${namespace}/${name}`, found);
  }

  async resolve(namespace: string, name: string, portIdentifier: string): Promise<InjectionPort> {
    const ports = this.#ports.get(`${namespace}/${name}`);
    if (ports === undefined) {
      const message = `There is no Deployment, StatefulSet or ReplicaSet ${name} in namespace ${namespace}`;
      throw new AppError({ code: 'workload.not-found', message });
    }
    const fitting = ports.filter(({ service }) => portIdentifier === '' || service?.portName === portIdentifier);
    const [first] = fitting;
    if (first !== undefined && fitting.length === 1) return first;
    throw new AppError({
      code: 'workload.ambiguous',
      message: `Deployment ${name} has more than one port that fits`,
      reason: `Its ports are: ${fitting.map(({ service }) => service?.portName).join('; ')}`,
    });
  }

  async ensureAgent(target: InjectionTarget, signal: AbortSignal, onStage: (stage: string) => void): Promise<void> {
    onStage('pods');
    await this.onEnsure(target, signal);
  }

  async targets(): Promise<readonly InjectionTarget[]> {
    return this.injected;
  }

  async removeAgents(targets: readonly InjectionTarget[]): Promise<readonly InjectionTarget[]> {
    const isMeant = (target: InjectionTarget) =>
      targets.some(({ namespace, name }) => namespace === target.namespace && name === target.name);
    const had = this.injected.filter(isMeant);
    this.removed.push(...targets);
    this.injected = this.injected.filter((target) => !isMeant(target));
    this.onRemoved();
    return had;
  }
}
