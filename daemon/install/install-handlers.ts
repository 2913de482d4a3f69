import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import type { CallContext, Handlers } from '#net/rpc/handlers.ts';
import { checkValues } from '#protocol/chart/check-values.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { clusterError } from '../kube/cluster-error.ts';
import { type InstallOptions, installRelease, upgradeRelease } from './install-release.ts';
import { mergeGivenValues } from './merge-values.ts';
import { objectName } from './object-path.ts';
import {
  listRecords,
  markUninstalling,
  type ReleaseOperation,
  recordedObjects,
  releaseOperation,
  removeRelease,
} from './release-operation.ts';
import { removeAllAgents } from './remove-all-agents.ts';
import { renderRelease } from './render-release.ts';

type InstallInput = CallInput<'install'>;

/** A cluster that a kubeconfig names. */
export interface OpenedCluster {
  readonly client: KubeClient;
  /** Where the configuration of this cluster says that its traffic-manager is. */
  readonly managerNamespace: string;
  readonly context: string;
}

export interface InstallDependencies {
  /** Reads the kubeconfig; nothing is sent to the cluster. The client is closed at the end of the call. */
  openCluster(input: Pick<InstallInput, 'kubeFlags' | 'kubeconfigEnv'>): Promise<OpenedCluster>;
  /** `timeouts.helm` of the configuration. */
  helmTimeoutMs(): number;
  /** `images.registry` of the configuration, if somebody set it. */
  imageRegistry(): string | undefined;
  readonly version: string;
  readonly installId: string;
  readonly logger: Logger;
  /** Shows long work as a task. */
  runTask<T>(
    options: { readonly title: string; readonly signal: AbortSignal },
    work: (task: { readonly signal: AbortSignal; stage(text: string): void }) => Promise<T>,
  ): Promise<T>;
}

/** The calls that put the traffic-manager into a cluster, change it and take it out again. */
export function createInstallHandlers(dependencies: InstallDependencies): Pick<Handlers, 'install' | 'uninstall' | 'lintValues'> {
  const queue = new OperationQueue();

  type Target = Pick<InstallInput, 'kubeFlags' | 'kubeconfigEnv' | 'managerNamespace'>;
  const withOperation = async <T>(
    input: Target,
    context: Pick<CallContext<'install'>, 'emit' | 'signal'>,
    title: (namespace: string) => string,
    work: (operation: ReleaseOperation) => Promise<T>,
  ): Promise<T> => {
    const cluster = await dependencies.openCluster(input);
    const { client } = cluster;
    const namespace = input.managerNamespace ?? cluster.managerNamespace;
    const server = client.credentials.server.href;
    try {
      return await queue.run(`${server} ${namespace}`, context.signal, async () =>
        dependencies.runTask({ title: title(namespace), signal: context.signal }, async (task) => {
          const stage = (text: string) => {
            task.stage(text);
            context.emit({ stage: text });
          };
          const { installId, logger } = dependencies;
          try {
            return await work(releaseOperation({ client, namespace, installId, logger, signal: task.signal, stage }));
          } catch (error) {
            if (error instanceof AppError || (error as Error).name === 'AbortError') throw error;
            throw clusterError(error, { server, action: 'change the traffic-manager' });
          }
        }),
      );
    } finally {
      client.close();
    }
  };

  const installOptions = (input: InstallInput): InstallOptions => ({
    version: dependencies.version,
    createNamespace: input.createNamespace,
    timeoutMs: input.timeoutMs ?? dependencies.helmTimeoutMs(),
  });
  const render = (namespace: string, given: ReturnType<typeof mergeGivenValues>) =>
    renderRelease({ namespace, given, version: dependencies.version, imageRegistry: dependencies.imageRegistry() });

  return {
    install: async (input, context) => {
      const given = mergeGivenValues({}, input.values);
      const isReused =
        input.action === 'upgrade' && (input.base === 'reuse' || (input.base === undefined && input.values.length === 0));
      // What is wrong with the values is said before the cluster is bothered.
      if (!isReused) render(input.managerNamespace ?? 'ambassador', given);
      if (input.action === 'install') {
        if (input.dryRun) {
          const namespace = input.managerNamespace ?? (await namespaceOf(dependencies, input));
          return { version: dependencies.version, revision: 1, namespace, manifest: render(namespace, given).manifest };
        }
        return await withOperation(
          input,
          context,
          (namespace) => `Install the traffic-manager in ${namespace}`,
          async (operation) => {
            const release = await installRelease(operation, render(operation.namespace, given), installOptions(input));
            return {
              version: dependencies.version,
              revision: release.version,
              namespace: operation.namespace,
              manifest: release.manifest,
            };
          },
        );
      }
      return await withOperation(
        input,
        context,
        (namespace) => `Upgrade the traffic-manager in ${namespace}`,
        async (operation) => {
          const { namespace } = operation;
          const records = await listRecords(operation);
          const former = records.findLast(({ release }) => release.info.status === 'deployed');
          if (former === undefined) throw notInstalled(namespace, records.length > 0);
          const rendered = render(namespace, isReused ? mergeGivenValues(former.release.config, input.values) : given);
          if (input.dryRun) {
            const revision = Math.max(...records.map(({ release }) => release.version)) + 1;
            return { version: dependencies.version, revision, namespace, manifest: rendered.manifest };
          }
          const release = await upgradeRelease(operation, former, records, rendered, installOptions(input));
          return { version: dependencies.version, revision: release.version, namespace, manifest: release.manifest };
        },
      );
    },

    uninstall: async (input, context) =>
      await withOperation(
        input,
        context,
        (namespace) => `Uninstall the traffic-manager from ${namespace}`,
        async (operation) => {
          const { namespace, signal } = operation;
          const records = await listRecords(operation);
          if (records.length === 0) throw notInstalled(namespace, false);
          if (input.dryRun) {
            const objects = await operation.objects.existing(recordedObjects(records), signal);
            return { removed: objects.map(objectName), namespace };
          }
          await markUninstalling(operation, records);
          if (input.keepAgents !== true) await removeAllAgents(operation);
          operation.stage('Removing the traffic-manager');
          const removed = await removeRelease(operation, records, signal);
          return { removed: removed.map(objectName), namespace };
        },
      ),

    lintValues: ({ values }) => {
      try {
        const checked = checkValues(mergeGivenValues({}, values));
        return Promise.resolve({ problems: checked.kind === 'valid' ? [] : checked.problems.map((problem) => ({ ...problem })) });
      } catch (error) {
        // Values that cannot even be read are problems as well.
        if (!(error instanceof AppError) || error.code !== 'install.values-invalid') return Promise.reject(error);
        return Promise.resolve({ problems: [{ path: error.message, message: error.reason ?? '' }] });
      }
    },
  };
}

async function namespaceOf(dependencies: InstallDependencies, input: InstallInput): Promise<string> {
  const cluster = await dependencies.openCluster(input);
  cluster.client.close();
  return cluster.managerNamespace;
}

/** One operation at a time on each release: the next one waits. */
class OperationQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const former = this.#tails.get(key) ?? Promise.resolve();
    const mine = former.then(async () => {
      signal.throwIfAborted();
      return await work();
    });
    const tail = mine.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

function notInstalled(namespace: string, isInterrupted: boolean): AppError {
  const flag = namespace === 'ambassador' ? '' : ` --manager-namespace ${namespace}`;
  return new AppError({
    code: 'install.not-found',
    message: `There is no traffic-manager of this product in namespace "${namespace}"`,
    ...(isInterrupted ? { reason: 'An installation there was interrupted; installing again brings it into order' } : {}),
    remedies: [
      { label: 'Install it', command: `telepresence helm install${flag}` },
      { label: 'Or name the namespace where it is, with --manager-namespace' },
    ],
  });
}
