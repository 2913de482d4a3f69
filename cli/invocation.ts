import type { Paths } from '#base/node/paths.ts';
import type { Interrupts } from './interrupts.ts';
import type { Output, OutputFormat } from './output/output.ts';
import type { Progress, ProgressMode } from './progress/progress.ts';

/** The outside world of one command; tests bring their own. */
export interface CliIo {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Whether a person can be asked, by sudo for instance. */
  readonly isInteractive: boolean;
  readonly interrupts: Interrupts;
  /** Scripts of the processes that a command starts where they are missing. */
  readonly programs: { readonly daemon: string; readonly helper: string; readonly sandbox: string };
  readStdin(): Promise<string>;
}

export interface TextSink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface GlobalFlags {
  readonly output: OutputFormat;
  readonly progress: ProgressMode;
  readonly use?: string;
  readonly config?: string;
  readonly logfile?: string;
}

/** One run of a command. */
export interface Invocation {
  readonly io: CliIo;
  readonly globals: GlobalFlags;
  readonly paths: Paths;
  readonly output: Output;
  readonly progress: Progress;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /** What follows `--`. */
  readonly trailing: readonly string[] | undefined;
}

/** What a module in `commands/` exports: resolves to the exit code, 0 where it resolves to nothing. */
export type Command<Options> = (invocation: Invocation, options: Options, args: readonly string[]) => Promise<number | undefined>;
