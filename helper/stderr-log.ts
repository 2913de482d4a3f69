import type { LogFields, Logger, LogLevel } from '#base/common/log.ts';

const severity: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 };

/** One JSON object per line on standard error. `trace` is as `debug`: the helper sees no packets. */
export function createStderrLog(): { readonly logger: Logger; setLevel(level: LogLevel): void } {
  let current: LogLevel = 'info';
  const write = (level: LogLevel, line: object) => {
    if (severity[level] <= severity[current]) process.stderr.write(`${JSON.stringify(line)}\n`);
  };
  return {
    logger: loggerOf(write, 'helper', {}),
    setLevel: (level) => {
      current = level;
    },
  };
}

function loggerOf(write: (level: LogLevel, line: object) => void, component: string, fields: LogFields): Logger {
  const at = (level: LogLevel) => (message: string, extra?: LogFields) =>
    write(level, { time: new Date().toISOString(), level, component, msg: message, ...fields, ...extra });
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    trace: () => undefined,
    child: (name, extra) => loggerOf(write, `${component}.${name}`, { ...fields, ...extra }),
  };
}
