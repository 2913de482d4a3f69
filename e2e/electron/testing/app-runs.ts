import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeAll, expect } from 'vitest';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import { type AppDirectory, makeAppDirectory } from './app-directory.ts';
import { AppUnderTest } from './app-under-test.ts';
import { type ScriptedDaemon, startScriptedDaemon } from './scripted-daemon.ts';

const checkout = join(import.meta.dirname, '../../..');

/** Apps that the tests of a file start, each in a home of its own. What a test started ends with it. */
export interface AppRuns {
  /** `page`: in place of the renderer; the test's own where there is none. */
  newDirectory(page?: string): AppDirectory;
  start(...args: ConstructorParameters<typeof AppUnderTest>): AppUnderTest;
  startWithScriptedDaemon(
    handlers?: Parameters<typeof startScriptedDaemon>[1],
    env?: Readonly<Record<string, string>>,
  ): Promise<{ readonly app: AppUnderTest; readonly daemon: ScriptedDaemon; readonly directory: AppDirectory }>;
  /** Ends the real daemon that an app started, after the app. */
  endDaemonOf(directory: AppDirectory): void;
  atEnd(end: () => Promise<unknown> | undefined): void;
}

/** Registers the hooks of the file that calls it. */
export function useAppRuns(): AppRuns {
  const ends: (() => Promise<unknown> | undefined)[] = [];
  // The bundles are what is tested, so they have to be of these sources.
  beforeAll(() => {
    execFileSync(join(checkout, 'node_modules/.bin/node'), ['scripts/build.ts', '--quiet'], { cwd: checkout, stdio: 'inherit' });
  });
  afterEach(async () => {
    const failures: unknown[] = [];
    for (const end of ends.splice(0).toReversed()) await end()?.catch((error: unknown) => failures.push(error));
    expect(failures).toEqual([]);
  });
  const runs: AppRuns = {
    newDirectory(page) {
      const directory = makeAppDirectory(page);
      ends.push(async () => directory.remove());
      return directory;
    },
    start(...args) {
      const app = new AppUnderTest(...args);
      ends.push(() => app.stop());
      return app;
    },
    async startWithScriptedDaemon(handlers = {}, env = {}) {
      const directory = runs.newDirectory();
      const daemon = await startScriptedDaemon(directory.daemonSocket, handlers);
      ends.push(() => daemon.close());
      return { app: runs.start(directory, [], env), daemon, directory };
    },
    endDaemonOf(directory) {
      ends.push(async () => {
        const api = await findDaemonAt(directory.daemonSocket);
        await api?.call('quit', {}).catch(() => undefined);
        await api?.closed;
      });
    },
    atEnd: (end) => void ends.push(end),
  };
  return runs;
}
