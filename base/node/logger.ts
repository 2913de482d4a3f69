import pino from 'pino';
import type { LogFields, Logger, LogLevel } from '#base/common/log.ts';
import { RotatingFile, type RotatingFileOptions } from './logger-file.ts';
import { redact, redactText } from './logger-redaction.ts';

export interface ProcessLoggerOptions extends RotatingFileOptions {
  /** Name of the topmost component: `daemon`. */
  readonly component: string;
  readonly file: string;
  /** Default `info`. */
  readonly level?: LogLevel;
}

/** The logger of a process and the means to change its level while it runs. */
export interface ProcessLogger {
  readonly logger: Logger;
  readonly level: LogLevel;
  /** Changes the level; after `durationMs` it is again what it was before the first temporary change. 0 keeps it. */
  setLevel(level: LogLevel, durationMs: number): void;
  close(): void;
}

/** A logger that writes one JSON object per line to a rotating file. Secrets are taken out here, in the sink. */
export function createProcessLogger(options: ProcessLoggerOptions): ProcessLogger {
  const file = new RotatingFile(options.file, options);
  const sink = pino(
    {
      level: options.level ?? 'info',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => file.write(line) },
  );
  let lasting: LogLevel = options.level ?? 'info';
  let timer: NodeJS.Timeout | undefined;
  return {
    logger: adapt(sink, options.component, {}),
    get level() {
      return sink.level as LogLevel;
    },
    setLevel(level, durationMs) {
      clearTimeout(timer);
      sink.level = level;
      if (durationMs > 0) {
        timer = setTimeout(() => {
          sink.level = lasting;
        }, durationMs);
        timer.unref();
      } else {
        lasting = level;
      }
    },
    close() {
      clearTimeout(timer);
      file.close();
    },
  };
}

function adapt(sink: pino.Logger, component: string, bound: LogFields): Logger {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    // Checked here too, so that a silent debug line costs no redaction.
    if (sink.isLevelEnabled(level)) sink[level](redact({ component, ...bound, ...fields }), redactText(message));
  };
  return {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    trace: write('trace'),
    child: (name, fields) => adapt(sink, `${component}.${name}`, { ...bound, ...fields }),
  };
}
