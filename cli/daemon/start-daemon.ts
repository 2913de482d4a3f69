import { resolve } from 'node:path';
import type { ApiClient } from '#net/rpc/client.ts';
import { launchDaemon } from '#net/rpc/launch-daemon.ts';
import type { Invocation } from '../invocation.ts';

/** Starts the user daemon and waits until it answers. `announce` tells the person. */
export async function startDaemon(invocation: Invocation, announce: (text: string) => void): Promise<ApiClient> {
  const { io, paths, globals, signal } = invocation;
  announce('Launching Telepresence User Daemon');
  return await launchDaemon({
    nodePath: process.execPath,
    daemonScript: io.programs.daemon,
    paths,
    env: {
      ...io.env,
      ...(globals.config === undefined ? {} : { TELEPRESENCE_CONFIG: paths.configFile }),
      ...(globals.logfile === undefined ? {} : { TELEPRESENCE_LOGFILE: resolve(io.cwd, globals.logfile) }),
    },
    signal,
  });
}
