import { join } from 'node:path';
import type { Handlers } from '#net/rpc/handlers.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import type { Connections } from '../connection/connections.ts';
import { PreferenceStore } from './preferences.ts';
import { RecentConnections } from './recents.ts';

/** The calls about choices of a person, and what the daemon remembers for the next time. */
export function createPreferenceHandlers(
  daemon: DaemonContext,
  connections: Connections,
): Pick<Handlers, 'setPreferences' | 'changeRecent' | 'changeConfig'> {
  const { paths, state } = daemon;
  const logger = daemon.logger.child('preferences');
  const store = new PreferenceStore(join(paths.stateDirectory, 'preferences.json'), state);
  store.restore(logger);
  const recents = new RecentConnections(join(paths.stateDirectory, 'recents.json'), state, logger);
  recents.restore();
  connections.onConnected((request, connection) => recents.record(request, connection));
  return {
    setPreferences: async ({ change }) => {
      store.change(change);
      return {};
    },
    changeRecent: async ({ id, action }) => {
      recents.change(id, action);
      return {};
    },
    changeConfig: async ({ path, value }) => {
      const { changeConfig } = await import('./change-config.ts');
      changeConfig(paths.configFile, path, value);
      return {};
    },
  };
}
