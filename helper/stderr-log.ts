import type { LogFields, Logger, LogLevel } from '#base/common/log.ts';

/** One JSON object per line on standard error. `trace` is left out: the helper sees no packets. */
export function stderrLogger(component = 'helper', fields: LogFields = {}): Logger {
  const write = (level: LogLevel, message: string, extra?: LogFields) => {
    const entry = { time: new Date().toISOString(), level, component, msg: message, ...fields, ...extra };
    process.stderr.write(`${JSON.stringify(entry)}\n`);
  };
  return {
    error: (message, extra) => write('error', message, extra),
    warn: (message, extra) => write('warn', message, extra),
    info: (message, extra) => write('info', message, extra),
    debug: (message, extra) => write('debug', message, extra),
    trace: () => undefined,
    child: (name, extra) => stderrLogger(`${component}.${name}`, { ...fields, ...extra }),
  };
}
