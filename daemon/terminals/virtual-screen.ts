import type * as Headless from '@xterm/headless';
import type { IDisposable, Terminal } from '@xterm/headless';
import { screenText, trackedModes } from './screen-text.ts';

const scrollbackLines = 10_000;

/** A terminal without a window, which knows what a client that joins later has to be shown, and answers what programs ask a terminal. */
export class VirtualScreen {
  readonly #terminal: Terminal;
  readonly #modes = new Map<number, string>();

  private constructor(terminal: Terminal) {
    this.#terminal = terminal;
    for (const final of ['h', 'l'] as const) {
      terminal.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
        for (const mode of params.flat())
          if ((trackedModes as readonly number[]).includes(mode)) this.#modes.set(mode, `${mode}${final}`);
        return false;
      });
    }
  }

  static async open(columns: number, rows: number): Promise<VirtualScreen> {
    // In CommonJS: to a module of today its exports are one.
    const { default: xterm } = (await import('@xterm/headless')) as { default: typeof Headless };
    return new VirtualScreen(
      new xterm.Terminal({ cols: columns, rows, scrollback: scrollbackLines, allowProposedApi: true, logLevel: 'off' }),
    );
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  /** Resolves when it is on the screen. */
  write(data: string): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(data, resolve));
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  text(): Promise<string> {
    return screenText(this.#terminal, this.#modes.values());
  }

  onTitle(listener: (title: string) => void): IDisposable {
    return this.#terminal.onTitleChange(listener);
  }

  /** Answers to what the program asked. */
  onAnswer(listener: (data: string) => void): IDisposable {
    return this.#terminal.onData(listener);
  }

  dispose(): void {
    this.#terminal.dispose();
  }
}
