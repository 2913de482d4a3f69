import { type FSWatcher, unwatchFile, watch, watchFile } from 'node:fs';
import { basename, dirname } from 'node:path';

/** An editor's several writes and renames are one change. */
const settleMs = 100;
/** Where the system has no watches left to give. */
const pollMs = 2_000;

/**
 * Tells whenever the file is written, replaced, created or removed.
 *
 * @returns ends the watching
 */
export function followFile(file: string, onChange: () => void): Disposable {
  let settling: NodeJS.Timeout | undefined;
  let isEnded = false;
  const changed = (): void => {
    clearTimeout(settling);
    settling = setTimeout(onChange, settleMs);
  };
  let watcher: FSWatcher | undefined;
  const poll = (): void => {
    watcher?.close();
    watcher = undefined;
    if (!isEnded) watchFile(file, { interval: pollMs, persistent: false }, changed);
  };
  try {
    // The directory, since editors replace files; one that is not there, or a system out of watches, is polled for.
    watcher = watch(dirname(file), { persistent: false }, (_, name) => {
      if (name === null || name === basename(file)) changed();
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
      unwatchFile(file, changed);
    },
  };
}
