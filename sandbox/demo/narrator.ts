import { createInterface } from 'node:readline/promises';
import { stripVTControlCharacters } from 'node:util';

/** What a person follows: numbered steps, the command that each stands for, what came of it, and how long it took. */
export class Narrator {
  readonly #total: number;
  readonly #askUntil: AbortSignal | undefined;
  #number = 0;

  /** @param askUntil between the steps it waits for a person, or for this; absent: it does not */
  constructor(total: number, askUntil: AbortSignal | undefined) {
    this.#total = total;
    this.#askUntil = askUntil;
  }

  /** Runs one step, and resolves to what came of it; its failure is told and thrown on. */
  async step<T>(title: string, command: string | undefined, work: (say: (text: string) => void) => Promise<T>): Promise<T> {
    this.#number += 1;
    if (this.#askUntil !== undefined && this.#number > 1) await pause(this.#askUntil);
    console.log(`\n[${this.#number}/${this.#total}] ${title}`);
    if (command !== undefined) console.log(`    $ ${command}`);
    const start = performance.now();
    try {
      const result = await work((text) => console.log(text.replaceAll(/^(?=.)/gm, '    ')));
      console.log(`    done in ${seconds(start)}`);
      return result;
    } catch (error) {
      console.log(`    FAILED after ${seconds(start)}`);
      throw error;
    }
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  // It has the terminal hand over Ctrl-C as a key.
  reader.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    await reader.question('\nPress Enter for the next step ', { signal });
  } finally {
    reader.close();
  }
}

/** Two texts beside each other. */
export function sideBySide(left: string, right: string): string {
  const [a, b] = [left.split('\n'), right.split('\n')];
  const width = Math.max(...a.map((line) => stripVTControlCharacters(line).length));
  const count = Math.max(a.length, b.length);
  return Array.from({ length: count }, (_, index) => `${(a[index] ?? '').padEnd(width)}  |  ${b[index] ?? ''}`).join('\n');
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1_000).toFixed(1)} s`;
}
