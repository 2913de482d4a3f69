import { type FSWatcher, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileTail, matchingFiles, readLastLines } from './file-tail.ts';
import type { LogLots } from './log-lots.ts';
import { parseLine } from './parse-line.ts';

/** Files of a folder that make up one log. New ones are followed as they come. */
export interface LogFiles {
  readonly directory: string;
  readonly pattern: RegExp;
}

/** Between two looks, and where the file system reported nothing. */
const lookEveryMs = 50;
const fallbackLookMs = 1_000;

/** The last lines of all files by their time, then live, until `signal` aborts. */
export async function followFiles(
  sources: readonly LogFiles[],
  history: number,
  lots: LogLots,
  signal: AbortSignal,
): Promise<void> {
  const sink = { line: (text: string) => lots.push(text), drop: (count: number) => lots.drop(count) };
  const tails = new Map<string, FileTail>();
  const change = watchFolders(sources);
  try {
    const lines: string[][] = [];
    for (const path of await allFiles(sources)) {
      const last = await readLastLines(path, history);
      lines.push(last.lines);
      tails.set(path, new FileTail(path, sink, last.end));
    }
    lots.history(byTime(lines).slice(history === 0 ? Number.POSITIVE_INFINITY : -history));
    while (!signal.aborted) {
      change.reset();
      for (const path of await allFiles(sources)) if (!tails.has(path)) tails.set(path, new FileTail(path, sink));
      let isMore = false;
      for (const tail of tails.values()) isMore = (await tail.look()) || isMore;
      if (!isMore) await change.wait(signal);
      await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    change.close();
    for (const tail of tails.values()) await tail.close();
  }
}

async function allFiles(sources: readonly LogFiles[]): Promise<string[]> {
  const found = await Promise.all(sources.map(({ directory, pattern }) => matchingFiles(directory, pattern)));
  return [...new Set(found.flat())].sort();
}

function byTime(files: readonly (readonly string[])[]): string[] {
  const [only = []] = files;
  if (files.length <= 1) return [...only];
  // A line without a time belongs to the one before it.
  const timed = files.flatMap((lines) => {
    let time = '';
    return lines.map((line) => {
      time = parseLine(line).time ?? time;
      return { time, line };
    });
  });
  return timed.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ line }) => line);
}

function watchFolders(sources: readonly LogFiles[]) {
  let wake: () => void = () => undefined;
  let isChanged = false;
  const watchers = new Map<string, FSWatcher>();
  const tryWatch = (directory: string) => {
    if (watchers.has(directory)) return;
    try {
      const watcher = watch(directory, () => {
        isChanged = true;
        wake();
      });
      const forget = () => {
        watchers.delete(directory);
        watcher.close();
      };
      watcher.on('error', forget);
      // The folder itself is gone.
      watcher.on('rename', forget);
      watchers.set(directory, watcher);
    } catch {
      // It is not there yet: the fallback looks.
    }
  };
  return {
    reset() {
      isChanged = false;
      for (const { directory } of sources) tryWatch(directory);
    },
    async wait(signal: AbortSignal): Promise<void> {
      if (isChanged) return;
      const woken = new AbortController();
      wake = () => woken.abort();
      await sleep(fallbackLookMs, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => undefined);
      wake = () => undefined;
    },
    close() {
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
