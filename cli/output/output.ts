import type { AppError } from '#protocol/errors/app-error.ts';
import type { TextSink } from '../invocation.ts';
import { errorText } from './error-text.ts';

export const outputFormats = ['default', 'json', 'yaml', 'json-stream'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface OutputOptions {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly format: OutputFormat;
  /** `connect`, `helm install`. */
  readonly command: string;
  readonly logDirectory: string;
}

/**
 * Where a command's words go.
 *
 * Human format: text to stdout and stderr as it comes. Structured formats: a result is printed alone; text is collected and printed
 * with the outcome in one envelope `{cmd, stdout, stderr, err, error}` without its empty members.
 */
export class Output {
  readonly #options: OutputOptions;
  #capturedStdout = '';
  #capturedStderr = '';
  #result: unknown;
  #hasStreamed = false;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  get format(): OutputFormat {
    return this.#options.format;
  }

  get isStructured(): boolean {
    return this.#options.format !== 'default';
  }

  /** A line for people. */
  line(text: string): void {
    if (this.isStructured) this.#capturedStdout += `${text}\n`;
    else this.#options.stdout.write(`${text}\n`);
  }

  /** A line for people that is not the command's outcome. */
  note(text: string): void {
    if (this.isStructured) this.#capturedStderr += `${text}\n`;
    else this.#options.stderr.write(`${text}\n`);
  }

  /** The outcome: `value` for programs, `human` for people. */
  result(value: unknown, human: () => string): void {
    this.#result = value;
    if (!this.isStructured) {
      const text = human();
      if (text !== '') this.#options.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    }
  }

  /** One document of a stream. */
  stream(value: unknown): void {
    this.#hasStreamed = true;
    this.#options.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Writes what is left to say. */
  async finish(error: AppError | undefined): Promise<void> {
    const { command, stderr, logDirectory } = this.#options;
    if (!this.isStructured) {
      if (error !== undefined) stderr.write(errorText(command, error, logDirectory));
      return;
    }
    if (error === undefined && this.#hasStreamed) return;
    await this.#writeDocument(error === undefined && this.#result !== undefined ? this.#result : this.#envelope(error));
  }

  #envelope(error: AppError | undefined): unknown {
    return {
      cmd: this.#options.command,
      ...(this.#capturedStdout === '' ? {} : { stdout: this.#capturedStdout }),
      ...(this.#capturedStderr === '' ? {} : { stderr: this.#capturedStderr }),
      ...(error === undefined ? {} : { err: error.message, error: error.toData() }),
    };
  }

  async #writeDocument(value: unknown): Promise<void> {
    const { stdout, format } = this.#options;
    if (format === 'yaml') stdout.write(await toYaml(value));
    else stdout.write(`${JSON.stringify(value, undefined, format === 'json' ? 2 : undefined)}\n`);
  }
}

/** The YAML library is loaded only where it is needed: it would double the start-up time of every command. */
export async function toYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
