import { type Handlers, untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { DaemonContext } from './daemon-context.ts';

/** The calls about the daemon itself. `endProcess` is called once the answer to `quit` is on its way. */
export function createDaemonHandlers(
  daemon: DaemonContext,
  endProcess: () => void,
): Pick<Handlers, 'watchState' | 'cancelTask' | 'quit' | 'setLogLevel'> {
  return {
    watchState: async (_input, { emit, signal }) => {
      const unsubscribe = daemon.state.subscribe(emit);
      await untilAborted(signal);
      unsubscribe();
      return {};
    },
    cancelTask: async ({ id }) => {
      daemon.tasks.cancel(id);
      return {};
    },
    quit: async (_input, { emit }) => {
      await daemon.shutDown((stage) => emit({ stage }));
      // The answer is written when this handler has returned.
      setImmediate(endProcess);
      return {};
    },
    setLogLevel: async (input) => {
      if (input.scope !== 'remote') {
        daemon.processLogger.setLevel(input.level, input.durationMs);
        daemon.logger.info('Log level changed', { level: input.level, durationMs: input.durationMs });
      }
      const isPassedOn = await passOn(daemon, input);
      if (!isPassedOn && input.scope === 'remote') {
        throw new AppError({
          code: 'connection.none',
          message: 'There is no connection whose traffic-manager could change its log level',
          remedies: [{ label: 'Connect first', command: 'telepresence connect' }],
        });
      }
      return {};
    },
  };
}

/** Without a connection there is nobody to pass the level on to, which is an error only for a person who asked for just that. */
async function passOn(daemon: DaemonContext, input: CallInput<'setLogLevel'>): Promise<boolean> {
  try {
    return await daemon.passLogLevelOn(input);
  } catch (error) {
    if (error instanceof AppError && error.code === 'connection.none' && input.use === undefined) return false;
    throw error;
  }
}
