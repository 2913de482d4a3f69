import type { LogFields, Logger, LogLevel } from '#base/common/log.ts';
import { redact, redactText } from '#base/node/logger-redaction.ts';

const rank: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 };

/** One JSON object a line to standard output, where the kubelet keeps it. Secrets are taken out here. */
export class AgentLog {
  readonly #write: (line: string) => void;
  #lasting: LogLevel;
  #level: LogLevel;
  #timer: NodeJS.Timeout | undefined;

  constructor(level: LogLevel, write: (line: string) => void = (line) => process.stdout.write(line)) {
    this.#lasting = level;
    this.#level = level;
    this.#write = write;
  }

  /** @param durationMs after which the level is again what it was for good; 0 keeps it. */
  setLevel(level: LogLevel, durationMs: number): void {
    clearTimeout(this.#timer);
    if (durationMs > 0) this.#timer = setTimeout(() => (this.#level = this.#lasting), durationMs).unref();
    else this.#lasting = level;
    this.#level = level;
  }

  logger(component: string, bound: LogFields = {}): Logger {
    const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (rank[level] > rank[this.#level]) return;
      const known = redact({ ...bound, ...fields }) as LogFields;
      this.#write(
        `${JSON.stringify({ level, time: new Date().toISOString(), component, msg: redactText(message), ...known })}\n`,
      );
    };
    return {
      error: at('error'),
      warn: at('warn'),
      info: at('info'),
      debug: at('debug'),
      trace: at('trace'),
      child: (name, fields) => this.logger(`${component}.${name}`, { ...bound, ...fields }),
    };
  }
}

/** The level that a peer names, `warning` and upper case included; `undefined` for what is none. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const name = text.toLowerCase();
  if (name === 'warning') return 'warn';
  return name in rank ? (name as LogLevel) : undefined;
}
