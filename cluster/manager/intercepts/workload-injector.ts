import type { AppError } from '#protocol/errors/app-error.ts';

/** A workload that can be intercepted. */
export interface InjectionTarget {
  readonly namespace: string;
  readonly kind: 'Deployment' | 'StatefulSet' | 'ReplicaSet';
  readonly name: string;
}

/** What is intercepted of it. */
export interface InjectionPort {
  readonly workload: InjectionTarget;
  readonly container: string;
  readonly containerPort: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly service?: { readonly name: string; readonly uid: string; readonly portName: string; readonly port: number };
}

/** What the preparation of an intercept needs of the injector. Failures are `AppError`s in words for the person who waits. */
export interface WorkloadInjector {
  /** Finds workload, service, port and container; an empty identifier is whatever is unambiguous. */
  resolve(namespace: string, name: string, portIdentifier: string, service?: string, container?: string): Promise<InjectionPort>;
  /** Resolves when every pod of the workload is one with an agent, or on its way to be. */
  ensureAgent(
    target: InjectionTarget,
    signal: AbortSignal,
    onStage: (stage: string) => void,
    /** Told of what may keep traffic away nevertheless. */
    onWarning?: (warning: AppError) => void,
  ): Promise<void>;
  /** The workloads that have agents, or shall have them. */
  targets(): Promise<readonly InjectionTarget[]>;
  /** Resolves when the pods are as they were, to those that had agents before. */
  removeAgents(targets: readonly InjectionTarget[]): Promise<readonly InjectionTarget[]>;
}
