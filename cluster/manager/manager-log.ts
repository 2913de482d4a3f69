import type { LogFields, Logger, LogLevel } from '#base/common/log.ts';
import { redact, redactText } from '#base/node/logger-redaction.ts';
import { WatchedValue } from './watched-value.ts';

const rank: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 };

/** The newest lines that `GetLogs` falls back on where the API server cannot be asked. */
const keptLines = 500;

/**
 * The log of a process in a pod: one JSON object a line to standard output, where the kubelet keeps it. Secrets are taken out here. The
 * level can be changed while the process runs, for a time or for good.
 */
export class ManagerLog {
  readonly level = new WatchedValue<LogLevel>();
  readonly #write: (line: string) => void;
  readonly #recent: string[] = [];
  #lasting: LogLevel;
  #timer: NodeJS.Timeout | undefined;

  constructor(level: LogLevel, write: (line: string) => void = (line) => process.stdout.write(line)) {
    this.#lasting = level;
    this.#write = write;
    this.level.set(level);
  }

  get recentText(): string {
    return this.#recent.join('');
  }

  /** @param durationMs after which the level is again what it was for good; 0 keeps it. */
  setLevel(level: LogLevel, durationMs: number): void {
    clearTimeout(this.#timer);
    if (durationMs > 0) this.#timer = setTimeout(() => this.level.set(this.#lasting), durationMs).unref();
    else this.#lasting = level;
    this.level.set(level);
  }

  logger(component: string, bound: LogFields = {}): Logger {
    const at = (level: LogLevel) => (message: string, fields?: LogFields) =>
      this.#log(level, component, message, { ...bound, ...fields });
    return {
      error: at('error'),
      warn: at('warn'),
      info: at('info'),
      debug: at('debug'),
      trace: at('trace'),
      child: (name, fields) => this.logger(`${component}.${name}`, { ...bound, ...fields }),
    };
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #log(level: LogLevel, component: string, message: string, fields: LogFields): void {
    if (rank[level] > rank[this.level.current ?? this.#lasting]) return;
    const entry = {
      level,
      time: new Date().toISOString(),
      component,
      msg: redactText(message),
      ...(redact(fields) as LogFields),
    };
    const line = `${JSON.stringify(entry)}\n`;
    this.#recent.push(line);
    if (this.#recent.length > keptLines) this.#recent.shift();
    this.#write(line);
  }
}

/** The level that a peer names, `warning` and upper case included; `undefined` for what is none. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const name = text.toLowerCase();
  if (name === 'warning') return 'warn';
  return name in rank ? (name as LogLevel) : undefined;
}
