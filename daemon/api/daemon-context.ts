import type { Logger } from '#base/common/log.ts';
import type { ProcessLogger } from '#base/node/logger.ts';
import type { Paths } from '#base/node/paths.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { HealthRegistry } from '../state/health-registry.ts';
import type { StateStore } from '../state/state-store.ts';
import type { TaskRegistry } from '../state/task-registry.ts';

/** Undoes what a part of the daemon set up, when the daemon ends. `stage` is shown to whoever asked for the end. */
export type QuitHook = (stage: (text: string) => void) => Promise<void>;

/** Passes a change of the log level on, as far as its scope goes: to the laptop's side of every connection, to the cluster's of the chosen one. */
export type LogLevelHook = (input: CallInput<'setLogLevel'>) => Promise<void>;

/** What every part of the daemon gets. Parts add themselves through the hooks, so that none knows another. */
export interface DaemonContext {
  readonly paths: Paths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly processLogger: Pick<ProcessLogger, 'setLevel' | 'level'>;
  readonly state: StateStore;
  readonly tasks: TaskRegistry;
  readonly health: HealthRegistry;
  readonly installId: string;
  /** Hooks run in reverse order of their registration. */
  onQuit(hook: QuitHook): void;
  onLogLevel(hook: LogLevelHook): void;
  /** Passes a level on to every part that registered for it; `false` where none did. */
  passLogLevelOn(input: CallInput<'setLogLevel'>): Promise<boolean>;
  /** Runs the quit hooks once; every caller waits for the same end. */
  shutDown(stage: (text: string) => void): Promise<void>;
}
