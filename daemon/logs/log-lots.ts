import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { parseLine } from './parse-line.ts';
import { createRedactor } from './redact-log.ts';

/** 20 lots a second, of 1,000 lines at most, are the 20,000 lines a second that a client gets. */
const lotEveryMs = 50;
const maxLotLines = 1_000;

/** A burst may wait for a second. */
const maxWaitingLines = 20_000;

/** Of the lines of the past, which come in one lot: a client with 4 MiB to read is taken for one that does not read. */
const maxHistoryCharacters = 2 * 1024 * 1024;

/** Hands the lines of one source on in lots. Of lines that come too fast the oldest are left out, and counted. */
export class LogLots {
  readonly #emit: (event: CallEvent<'tailLog'>) => void;
  readonly #redact = createRedactor();
  #waiting: string[] = [];
  /** Of `waiting`: those before it are gone. */
  #first = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(emit: (event: CallEvent<'tailLog'>) => void) {
    this.#emit = emit;
  }

  /** What was there before, oldest first; at once. */
  history(lines: readonly string[]): void {
    let characters = 0;
    let first = lines.length;
    while (first > 0 && characters + (lines[first - 1] ?? '').length <= maxHistoryCharacters) {
      first -= 1;
      characters += (lines[first] ?? '').length;
    }
    this.#send(lines.slice(first), first);
  }

  push(line: string): void {
    this.#waiting.push(line);
    if (this.#waiting.length - this.#first > maxWaitingLines) {
      this.#first += 1;
      this.#dropped += 1;
      // Now and then, since it copies.
      if (this.#first >= maxWaitingLines) this.#compact();
    }
    this.#timer ??= setTimeout(() => this.#flush(), lotEveryMs);
  }

  /** Lines that were not even looked at. */
  drop(count: number): void {
    this.#dropped += this.#waiting.length - this.#first + count;
    this.#waiting = [];
    this.#first = 0;
    this.#timer ??= setTimeout(() => this.#flush(), lotEveryMs);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    const lot = this.#waiting.slice(this.#first, this.#first + maxLotLines);
    this.#first += lot.length;
    if (this.#first >= this.#waiting.length) this.#compact();
    else this.#timer = setTimeout(() => this.#flush(), lotEveryMs);
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#send(lot, dropped);
  }

  #send(lines: readonly string[], dropped: number): void {
    this.#emit({ lines: lines.map((line) => parseLine(this.#redact(line))), dropped });
  }

  #compact(): void {
    this.#waiting = this.#waiting.slice(this.#first);
    this.#first = 0;
  }
}
