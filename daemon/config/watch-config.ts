import { type FSWatcher, unwatchFile, watch, watchFile } from 'node:fs';
import { basename, dirname } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ConfigInputs, type LoadedConfig, loadConfig } from './load-config.ts';

/** An editor's several writes and renames are one change. */
const settleMs = 100;
/** Where the system has no watches left to give. */
const pollMs = 2_000;

/**
 * Loads the configuration anew whenever its file is written, replaced, created or removed. A file with an error is reported and
 * changes nothing.
 *
 * @returns ends the watching
 */
export function watchConfig(
  inputs: ConfigInputs,
  { onChange, onError }: { readonly onChange: (loaded: LoadedConfig) => void; readonly onError: (error: AppError) => void },
): Disposable {
  const { configFile } = inputs;
  let settling: NodeJS.Timeout | undefined;
  let isEnded = false;
  const reload = (): void => {
    let loaded: LoadedConfig;
    try {
      loaded = loadConfig(inputs);
    } catch (error) {
      onError(AppError.from(error));
      return;
    }
    onChange(loaded);
  };
  const changed = (): void => {
    clearTimeout(settling);
    settling = setTimeout(reload, settleMs);
  };
  let watcher: FSWatcher | undefined;
  const poll = (): void => {
    watcher?.close();
    watcher = undefined;
    if (!isEnded) watchFile(configFile, { interval: pollMs, persistent: false }, changed);
  };
  try {
    // The directory, since editors replace files; one that is not there, or a system out of watches, is polled for.
    watcher = watch(dirname(configFile), { persistent: false }, (_, name) => {
      if (name === null || name === basename(configFile)) changed();
    });
    watcher.on('error', poll);
  } catch {
    poll();
  }
  return {
    [Symbol.dispose]: () => {
      isEnded = true;
      clearTimeout(settling);
      watcher?.close();
      unwatchFile(configFile, changed);
    },
  };
}
