import { create } from 'zustand';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import type { DaemonState, Preferences } from '#protocol/local-api/model.ts';

/** What the page knows of the daemon. Only the subscription writes it. */
export interface Mirror {
  /** `lost`: `state` is what was last known. */
  readonly link: 'waiting' | 'live' | 'lost';
  readonly error: ErrorData | undefined;
  readonly state: DaemonState | undefined;
}

export const useMirror = create<Mirror>()(() => ({ link: 'waiting', error: undefined, state: undefined }));

/** For the subscription alone. */
export const mirrorDaemon = {
  follow(state: DaemonState): void {
    useMirror.setState({ link: 'live', error: undefined, state });
  },
  lose(error: ErrorData): void {
    useMirror.setState({ link: 'lost', error });
  },
};

const nothing: Readonly<Record<string, never>> = {};

export const selectConnections = ({ state }: Mirror): DaemonState['connections'] => state?.connections ?? nothing;
export const selectEngagements = ({ state }: Mirror): DaemonState['engagements'] => state?.engagements ?? nothing;
export const selectTasks = ({ state }: Mirror): DaemonState['tasks'] => state?.tasks ?? nothing;
export const selectHealth = ({ state }: Mirror): DaemonState['health'] => state?.health ?? nothing;
export const selectRecents = ({ state }: Mirror): DaemonState['recents'] => state?.recents ?? nothing;
export const selectTerminals = ({ state }: Mirror): DaemonState['terminals'] => state?.terminals ?? nothing;
export const selectPreferences = ({ state }: Mirror): Preferences | undefined => state?.preferences['preferences'];
export const selectDaemon = ({ state }: Mirror): DaemonState['daemon'] | undefined => state?.daemon;
