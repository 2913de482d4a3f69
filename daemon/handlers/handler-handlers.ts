import type { Handlers } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import type { Connections, Thread } from '../connection/connections.ts';
import { findLaunchers, listFolders } from './find-launchers.ts';

type HandlerCalls = 'findLaunchers' | 'listFolders' | 'restartHandler' | 'stopHandler' | 'readEnvironment';

/** The calls of the local API that are about processes which serve engagements. */
export function createHandlerHandlers(
  daemon: Pick<DaemonContext, 'env' | 'state'>,
  connections: Pick<Connections, 'thread'>,
): Pick<Handlers, HandlerCalls> {
  /** The connection that has the engagement; without `use`, the only one that has it. */
  const threadOf = ({ use, name }: { readonly use?: string | undefined; readonly name: string }): Thread => {
    const owners = Object.values(daemon.state.state.engagements).filter((engagement) => engagement.name === name);
    if (use === undefined && owners.length > 1) {
      throw new AppError({
        code: 'connection.ambiguous',
        message: `Several connections have an engagement "${name}"`,
        remedies: [{ label: 'Choose one with --use, a regular expression that matches its name' }],
      });
    }
    return connections.thread(use ?? owners[0]?.connection);
  };
  return {
    findLaunchers: async ({ directory }) => ({ launchers: await findLaunchers(directory, daemon.env) }),
    listFolders: async ({ directory }) => await listFolders(directory),
    restartHandler: async (input) => await threadOf(input).call('restartHandler', { name: input.name }),
    stopHandler: async (input) => await threadOf(input).call('stopHandler', { name: input.name }),
    readEnvironment: async (input) => await threadOf(input).call('readEnvironment', { name: input.name }),
  };
}
