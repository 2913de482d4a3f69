import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger, LogLevel } from '#base/common/log.ts';
import { createProcessLogger, type ProcessLogger } from '#base/node/logger.ts';
import { returnMemoryAtRest } from '#base/node/memory-at-rest.ts';
import { productPaths } from '#base/node/paths.ts';
import { followFile } from '../config/follow-file.ts';
import { startDaemon } from './daemon.ts';
import { createHandlers } from './handlers.ts';

/** The user daemon's process, until it is asked to quit or gets SIGTERM or SIGINT; resolves to its exit code. */
export async function runDaemon(): Promise<number> {
  const paths = productPaths(process.env);
  const file = process.env['TELEPRESENCE_LOGFILE'] || join(paths.logDirectory, 'daemon.log');
  const processLogger = createProcessLogger({ component: 'daemon', file });
  const { logger } = processLogger;
  const configured = await configuredLevel(logger, paths.configFile);
  if (configured !== undefined) processLogger.setLevel(configured, 0);
  const crash = (kind: string) => (error: unknown) => {
    logger.error(`Daemon crashed: ${kind}`, { error });
    print(error instanceof Error ? (error.stack ?? error.message) : String(error));
    // The helper sees its lease end and undoes what this process had set up.
    process.exit(70);
  };
  process.on('uncaughtException', crash('uncaught exception'));
  process.on('unhandledRejection', crash('unhandled rejection'));
  // Before anybody can find this process: a signal that came first would end it without its clean-up.
  const asked = Promise.withResolvers<void>();
  process.on('SIGTERM', asked.resolve);
  process.on('SIGINT', asked.resolve);
  const daemon = await startDaemon({
    paths,
    env: process.env,
    processLogger,
    executable: process.argv[1] ?? process.execPath,
    createHandlers,
  });
  if (daemon === undefined) {
    print(`A Telepresence daemon is running already and serves ${paths.daemonSocket}`);
    return 0;
  }
  void asked.promise.then(() => daemon.stop());
  using _memory = returnMemoryAtRest();
  using _config = followLevel(processLogger, paths.configFile, configured);
  // The terminal of the command that started it may go away.
  process.on('SIGHUP', () => undefined);
  await daemon.ended;
  processLogger.close();
  return 0;
}

/** Applies a changed level. One that a person chose meanwhile stays until the file has another. */
function followLevel({ logger, setLevel }: ProcessLogger, configFile: string, atStart: LogLevel | undefined): Disposable {
  let configured = atStart ?? 'info';
  return followFile(configFile, () => {
    void configuredLevel(logger, configFile).then((level = configured) => {
      if (level !== configured) setLevel(level, 0);
      configured = level;
    });
  });
}

/** `undefined` where the file has a mistake. Without a file there is nothing to read, and the parser of YAML is not loaded. */
async function configuredLevel(logger: Logger, configFile: string): Promise<LogLevel | undefined> {
  if (!existsSync(configFile)) return 'info';
  try {
    const { loadConfig } = await import('../config/load-config.ts');
    return loadConfig({ configFile }).config.logLevels.userDaemon;
  } catch (error) {
    // A connect will say so to a person.
    logger.warn('The log level of the configuration does not count', { configFile, error });
    return undefined;
  }
}

/** For whoever started the process; the log is for later. */
function print(text: string): void {
  process.stderr.write(`${text}\n`);
}
