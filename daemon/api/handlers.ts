import type { Handlers } from '#net/rpc/handlers.ts';
import { createConnectionHandlers } from '../connection/connection-handlers.ts';
import { Connections } from '../connection/connections.ts';
import { createDiagnoseHandlers } from '../doctor/diagnose-handlers.ts';
import { createDoctorHandlers } from '../doctor/doctor-handlers.ts';
import { createHandlerHandlers } from '../handlers/handler-handlers.ts';
import { createInstallHandlers } from '../install/install-handlers.ts';
import { createLogHandlers } from '../logs/log-handlers.ts';
import { createPreferenceHandlers } from '../preferences/preference-handlers.ts';
import { createTerminalHandlers } from '../terminals/terminal-handlers.ts';
import { createTrafficHandlers } from '../traffic/traffic-handlers.ts';
import { createUiHandlers } from '../ui-host/ui-handlers.ts';
import { createWorkloadHandlers } from '../workloads/workload-handlers.ts';
import type { DaemonContext } from './daemon-context.ts';
import { createDaemonHandlers } from './daemon-handlers.ts';
import { installDependencies } from './install-dependencies.ts';
import { createKubeHandlers } from './kube-handlers.ts';

/** The daemon's parts, each of which serves some calls of the local API. */
export function createHandlers(daemon: DaemonContext, endProcess: () => void): Handlers {
  const connections = new Connections(daemon);
  const handlers: Handlers = {
    ...createDaemonHandlers(daemon, endProcess),
    ...createKubeHandlers(),
    ...createConnectionHandlers(daemon, connections),
    ...createInstallHandlers(installDependencies(daemon)),
    ...createHandlerHandlers(daemon, connections),
    ...createLogHandlers(daemon, connections),
    ...createTerminalHandlers(daemon, connections),
    ...createTrafficHandlers(daemon, connections),
    ...createWorkloadHandlers(daemon, connections),
    ...createPreferenceHandlers(daemon, connections),
    ...createDoctorHandlers(daemon, connections),
    ...createDiagnoseHandlers(daemon, connections, () => handlers),
    ...createUiHandlers(daemon, () => handlers),
  };
  return handlers;
}
