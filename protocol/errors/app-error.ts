import { type ErrorCode, type ErrorEntry, errorRegistry } from './registry.ts';

/** What a person can do about an error: shown as a line by the CLI and as a button by the app. */
export interface Remedy {
  /** Sentence case, imperative, without a full stop: "Install the traffic-manager". */
  readonly label: string;
  /** A `telepresence …` or other command line that does it, ready to copy. */
  readonly command?: string;
  /** A page or an object to look at. */
  readonly link?: string;
}

/** An error as it crosses a process boundary. */
export interface ErrorData {
  readonly code: ErrorCode;
  /** What happened, to which thing: one sentence, no stack. */
  readonly message: string;
  /** Why, where that is known and the message does not say it. */
  readonly reason?: string;
  /** Values that are safe to show and to log. */
  readonly context?: Readonly<Record<string, string | number | boolean>>;
  readonly remedies?: readonly Remedy[];
}

/** The one error type of the product. Throw it where something failed; expected outcomes are return values instead. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly context: Readonly<Record<string, string | number | boolean>>;
  readonly remedies: readonly Remedy[];

  constructor(data: ErrorData, cause?: unknown) {
    super(data.message, cause === undefined ? undefined : { cause });
    this.code = data.code;
    this.reason = data.reason;
    this.context = data.context ?? {};
    this.remedies = data.remedies ?? [];
  }

  /** Anything that was thrown, as an `AppError`: itself, an abort as `cancelled`, all else as `internal` with its message. */
  static from(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    if (thrown instanceof Error) {
      const code = thrown.name === 'AbortError' ? 'cancelled' : thrown.name === 'TimeoutError' ? 'timeout' : 'internal';
      return new AppError({ code, message: thrown.message === '' ? thrown.name : thrown.message }, thrown);
    }
    return new AppError({ code: 'internal', message: String(thrown) }, thrown);
  }

  /** The registry's entry for the code. */
  get entry(): ErrorEntry {
    return errorRegistry[this.code];
  }

  toData(): ErrorData {
    return {
      code: this.code,
      message: this.message,
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(Object.keys(this.context).length === 0 ? {} : { context: this.context }),
      ...(this.remedies.length === 0 ? {} : { remedies: this.remedies }),
    };
  }
}
