import { access, constants } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { helperRuntimeDirectory, type Paths } from '#base/node/paths.ts';
import type { LogSource } from '#protocol/local-api/log-api.ts';
import { handlerLogFile } from '../handlers/handler-log.ts';
import type { LogFiles } from './follow-files.ts';

export interface LaptopLogs {
  readonly paths: Pick<Paths, 'logDirectory' | 'helperInstance'>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The files of a log of the laptop. `connection` is that of a handler's engagement. */
export function laptopLogFiles(
  { paths, env }: LaptopLogs,
  source: Extract<LogSource, { kind: 'daemon' | 'helper' | 'app' | 'manager' | 'handler' }>,
  connection: string,
): LogFiles[] {
  const { logDirectory } = paths;
  switch (source.kind) {
    case 'daemon': {
      // Threads write files of their own.
      const threads = { directory: logDirectory, pattern: /^connection-.+\.log$/ };
      return [fileIn(daemonLogFile(logDirectory, env)), threads];
    }
    case 'helper':
      return [fileIn(helperLogFile(paths))];
    case 'handler':
      return [fileIn(handlerLogFile(logDirectory, connection, source.engagement))];
    default:
      return [fileIn(join(logDirectory, 'app.log'))];
  }
}

export function daemonLogFile(logDirectory: string, env: LaptopLogs['env']): string {
  return env['TELEPRESENCE_LOGFILE'] || join(logDirectory, 'daemon.log');
}

/** There while the helper lives; only some of them may be read by their user. */
export function helperLogFile({ helperInstance }: Pick<Paths, 'helperInstance'>): string {
  return join(helperRuntimeDirectory, helperInstance, 'helper.log');
}

export async function isReadable(path: string): Promise<boolean> {
  return await access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

function fileIn(path: string): LogFiles {
  return { directory: dirname(path), pattern: new RegExp(`^${basename(path).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`) };
}
