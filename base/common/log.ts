/**
 * The logger as code sees it. Entries are a message and fields; what writes and redacts them is chosen once per process.
 *
 * error: needs a person. warn: degraded. info: a state changed. debug: flow. trace: every packet or message.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  trace(message: string, fields?: LogFields): void;
  /** A logger whose entries carry `component` as `parent.name`. */
  child(name: string, fields?: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Writes nowhere: for tests and for code that runs before the process has a logger. */
export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  trace: () => undefined,
  child: () => silentLogger,
};
