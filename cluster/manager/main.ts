import { returnMemoryAtRest } from '#base/node/memory-at-rest.ts';
import { inClusterCredentials } from '#net/kube/in-cluster.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { readInjectorSettings } from '../injector/injector-settings.ts';
import { readEnvironment } from './environment.ts';
import { ManagerLog } from './manager-log.ts';
import { TrafficManager } from './traffic-manager.ts';

/** The process: settings from the environment, and an orderly end when Kubernetes asks for it. */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const settings = readEnvironment(env);
  const log = new ManagerLog(settings.logLevel);
  // For trials outside of a pod, with files that were taken out of one.
  const directory = env['SERVICE_ACCOUNT_DIRECTORY'];
  const kube = new KubeClient(await inClusterCredentials(env, directory === undefined ? {} : { directory }));
  const manager = new TrafficManager({
    settings,
    kube,
    log,
    injectorSettings: readInjectorSettings(env, settings.agentArrivalTimeoutMs),
    kubernetesServiceIp: env['KUBERNETES_SERVICE_HOST'] ?? '',
    ...(env['RESOLV_CONF'] === undefined ? {} : { resolvConfFile: env['RESOLV_CONF'] }),
  });
  const stop = () => {
    manager.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.logger('manager').error('Stopping failed', { error });
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  await manager.start();
  returnMemoryAtRest();
}

main(process.env).catch((error: unknown) => {
  const { code, message } = AppError.from(error);
  process.stderr.write(`${JSON.stringify({ level: 'error', component: 'manager', code, msg: message })}\n`);
  process.exit(AppError.from(error).entry.exitCode);
});
