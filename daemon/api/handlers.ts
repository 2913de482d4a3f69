import type { Handlers } from '#net/rpc/handlers.ts';
import { createConnectionHandlers } from '../connection/connection-handlers.ts';
import { createInstallHandlers } from '../install/install-handlers.ts';
import type { DaemonContext } from './daemon-context.ts';
import { createDaemonHandlers } from './daemon-handlers.ts';
import { installDependencies } from './install-dependencies.ts';
import { createKubeHandlers } from './kube-handlers.ts';

/** The daemon's parts, each of which serves some calls of the local API. */
export function createHandlers(daemon: DaemonContext, endProcess: () => void): Handlers {
  return {
    ...createDaemonHandlers(daemon, endProcess),
    ...createKubeHandlers(),
    ...createConnectionHandlers(daemon),
    ...createInstallHandlers(installDependencies(daemon)),
  };
}
