import { productVersion } from '#base/common/version.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import { builtIn, loadConfig } from '../config/load-config.ts';
import type { InstallDependencies } from '../install/install-handlers.ts';
import type { DaemonContext } from './daemon-context.ts';

/** What the installer needs of the daemon: clusters by kubeconfig, the configuration's say, and tasks. */
export function installDependencies(daemon: DaemonContext): InstallDependencies {
  const { paths, env, installId, logger, tasks } = daemon;
  const config = (extension?: unknown) =>
    loadConfig({ configFile: paths.configFile, ...(extension === undefined ? {} : { kubeconfigExtension: extension }) });
  return {
    async openCluster(input) {
      // Loaded when it is needed: it is large.
      const { loadKubeconfig } = await import('../kube/kubeconfig.ts');
      const target = loadKubeconfig(input);
      const { cluster } = config(target.extension).config;
      return {
        client: new KubeClient(target.credentials),
        managerNamespace: env['TELEPRESENCE_MANAGER_NAMESPACE'] ?? cluster.defaultManagerNamespace,
        context: target.context,
      };
    },
    helmTimeoutMs: () => config().config.timeouts.helm,
    imageRegistry() {
      const { config: merged, sources } = config();
      // The built-in value is that of the classic client, whose images are not ours.
      return env['TELEPRESENCE_REGISTRY'] ?? (sources['images.registry'] === builtIn ? undefined : merged.images.registry);
    },
    version: productVersion,
    installId,
    logger: logger.child('install'),
    runTask: (options, work) => tasks.run(options, work),
  };
}
