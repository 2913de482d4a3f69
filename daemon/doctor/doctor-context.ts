import { untilAborted } from '#base/node/until-aborted.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { clusterError } from '../kube/cluster-error.ts';
import type { KubeconfigSource, KubeTarget } from '../kube/kubeconfig.ts';

/** What the checks look at. */
export interface DoctorContext {
  readonly helperSocket: string;
  /** Where helpers of this user keep what they have to undo. */
  readonly helperDirectory: string;
  /** Of the daemon. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the command ran. */
  readonly callerEnv: Readonly<Record<string, string | undefined>>;
  /** Absent without a connection. */
  readonly connection: Connection | undefined;
  /** Whether a program's look-up arrives at the connection's DNS. */
  readonly verifyDns: (signal: AbortSignal) => Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>;
  readonly cluster: DoctorCluster;
  readonly managerNamespace: (target: KubeTarget) => string;
}

/** The cluster that the checks are about: the kubeconfig is read once, and only if a check wants it. */
export class DoctorCluster {
  readonly #source: KubeconfigSource;
  #target: Promise<KubeTarget> | undefined;
  #client: KubeClient | undefined;

  constructor(source: KubeconfigSource) {
    this.#source = source;
  }

  /** @throws AppError where the kubeconfig names no cluster. */
  async target(): Promise<KubeTarget> {
    this.#target ??= import('../kube/kubeconfig.ts').then(({ loadKubeconfig }) => loadKubeconfig(this.#source));
    return await this.#target;
  }

  /** Runs work with a client. @throws AppError `cluster.…` where the API server is in the way. */
  async ask<T>(work: (client: KubeClient, target: KubeTarget) => Promise<T>, signal: AbortSignal): Promise<T> {
    const target = await this.target();
    this.#client ??= new KubeClient(target.credentials);
    try {
      return await untilAborted(work(this.#client, target), signal);
    } catch (error) {
      throw clusterError(error, { server: target.server.href, action: 'be checked' });
    }
  }

  close(): void {
    this.#client?.close();
  }
}
