import { dirname } from 'node:path';
import type { Handlers } from '#net/rpc/handlers.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import { loadConfig } from '../config/load-config.ts';
import type { Connections } from '../connection/connections.ts';

/** The doctor's checks, with and without a connection. */
export function createDoctorHandlers(daemon: DaemonContext, connections: Connections): Pick<Handlers, 'runDoctor'> {
  return {
    runDoctor: async (input, { emit, signal }) => {
      // Loaded when they are asked for: most daemons are well.
      const [{ chosenChecks, runChecks }, { DoctorCluster }] = await Promise.all([
        import('./run-checks.ts'),
        import('./doctor-context.ts'),
      ]);
      const ids = chosenChecks(input.only);
      const found = Object.keys(daemon.state.state.connections);
      // Several connections and none of them named: what they have in common is looked at.
      const target = input.use !== undefined || found.length === 1 ? connections.target(input.use) : undefined;
      const isAboutConnection = Object.keys(input.kubeFlags).length === 0;
      const cluster = new DoctorCluster(target !== undefined && isAboutConnection ? target.request : input);
      const configured = (extension: unknown) => {
        const place = { configFile: daemon.paths.configFile };
        return loadConfig(extension === undefined ? place : { ...place, kubeconfigExtension: extension }).config.cluster;
      };
      try {
        const checks = await runChecks(
          ids,
          {
            helperSocket: daemon.paths.helperSocket,
            helperDirectory: dirname(daemon.paths.helperSocket),
            env: daemon.env,
            callerEnv: input.environment,
            connection: target?.connection,
            verifyDns: async (deadline) => await connections.thread(input.use).call('verifyDns', {}, { signal: deadline }),
            cluster,
            managerNamespace: ({ extension }) =>
              input.managerNamespace ??
              (isAboutConnection ? target?.connection.managerNamespace : undefined) ??
              daemon.env['TELEPRESENCE_MANAGER_NAMESPACE'] ??
              configured(extension).defaultManagerNamespace,
          },
          emit,
          signal,
        );
        return { checks };
      } finally {
        cluster.close();
      }
    },
  };
}
