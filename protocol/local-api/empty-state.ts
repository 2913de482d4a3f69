import type { DaemonState } from './model.ts';

/** The state of a daemon that has just begun: all collections, without members. */
export function emptyState(daemon: DaemonState['daemon']): DaemonState {
  return { daemon, connections: {}, engagements: {}, tasks: {}, health: {}, terminals: {}, recents: {}, preferences: {} };
}
