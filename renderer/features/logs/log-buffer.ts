import type { LogLine } from '#protocol/local-api/log-api.ts';

export type LogLevel = NonNullable<LogLine['level']>;

/** Worst first. */
export const logLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const satisfies readonly LogLevel[];

/** What is kept; some 10 MB of text. */
export const maxLines = 50_000;
/** Of one line; longer ones are files by mistake, and cost a second to draw. */
const maxLineLength = 10_000;
/** What is too old is taken out in lots: the front of an array is dear. */
const trimLot = 5_000;

export interface LogEntry {
  /** Counts up from 0 for each log: the line's name while it is here. */
  readonly number: number;
  readonly time: string | undefined;
  /** That of the line before, where a line says none: the lines of a stack trace belong to their message. */
  readonly level: LogLevel | undefined;
  /** As the program wrote it, or how many lines were left out here. */
  readonly text: string;
  readonly isGap: boolean;
}

export interface LogFilter {
  /** Lines that are less grave are left out; undefined: none is. */
  readonly level: LogLevel | undefined;
  /** Looked for without regard to case; empty: nothing. */
  readonly search: string;
}

/** What the page shows of a log. The arrays are the buffer's own and change: `revision` says when. */
export interface LogView {
  readonly revision: number;
  /** Lines that the filter lets through, oldest first. */
  readonly shown: readonly LogEntry[];
  /** Numbers of those of them that the search finds. */
  readonly matches: readonly number[];
  /** Lines that are kept, shown or not. */
  readonly kept: number;
  /** Older lines that were let go of. */
  readonly forgotten: number;
  /** Lines that never came. */
  readonly dropped: number;
}

/** The latest lines of a log, and which of them are to be seen. Appending is cheap however many there are. */
export class LogBuffer {
  readonly #dropText: (count: number) => string;
  #entries: LogEntry[] = [];
  #shown: LogEntry[] = [];
  #matches: number[] = [];
  #filter: LogFilter = { level: undefined, search: '' };
  #needle = '';
  #next = 0;
  #forgotten = 0;
  #dropped = 0;
  #revision = 0;
  #level: LogLevel | undefined;

  /** `dropText` says that lines were left out. */
  constructor(dropText: (count: number) => string) {
    this.#dropText = dropText;
  }

  append(lines: readonly LogLine[], dropped: number): void {
    if (dropped > 0) {
      this.#dropped += dropped;
      this.#add({ number: this.#next, time: undefined, level: undefined, text: this.#dropText(dropped), isGap: true });
    }
    for (const { time, level, text } of lines) {
      if (level !== undefined) this.#level = level;
      this.#add({ number: this.#next, time, level: this.#level, text: cut(text), isGap: false });
    }
    if (this.#entries.length > maxLines + trimLot) this.#trim();
    this.#revision += 1;
  }

  clear(): void {
    this.#entries = [];
    this.#shown = [];
    this.#matches = [];
    this.#forgotten = 0;
    this.#dropped = 0;
    this.#level = undefined;
    this.#revision += 1;
  }

  setFilter(filter: LogFilter): void {
    const hasLevel = filter.level !== this.#filter.level;
    this.#filter = filter;
    this.#needle = filter.search.toLowerCase();
    if (hasLevel) this.#shown = this.#entries.filter((entry) => this.#isShown(entry));
    this.#matches = this.#needle === '' ? [] : this.#shown.filter((entry) => this.#isMatch(entry)).map(({ number }) => number);
    this.#revision += 1;
  }

  view(): LogView {
    return {
      revision: this.#revision,
      shown: this.#shown,
      matches: this.#matches,
      kept: this.#entries.length,
      forgotten: this.#forgotten,
      dropped: this.#dropped,
    };
  }

  #add(entry: LogEntry): void {
    this.#next += 1;
    this.#entries.push(entry);
    if (!this.#isShown(entry)) return;
    this.#shown.push(entry);
    if (this.#needle !== '' && this.#isMatch(entry)) this.#matches.push(entry.number);
  }

  #trim(): void {
    const excess = this.#entries.length - maxLines;
    this.#entries = this.#entries.slice(excess);
    this.#forgotten += excess;
    const first = this.#entries[0]?.number ?? this.#next;
    this.#shown = this.#shown.slice(firstIndex(this.#shown.length, (index) => (this.#shown[index]?.number ?? 0) >= first));
    this.#matches = this.#matches.slice(firstIndex(this.#matches.length, (index) => (this.#matches[index] ?? 0) >= first));
  }

  #isShown({ level, isGap }: LogEntry): boolean {
    const { level: wanted } = this.#filter;
    return wanted === undefined || isGap || level === undefined || logLevels.indexOf(level) <= logLevels.indexOf(wanted);
  }

  #isMatch({ text, isGap }: LogEntry): boolean {
    return !isGap && text.toLowerCase().includes(this.#needle);
  }
}

/** The first index that fits, where all after one that fits do; `count` where none does. */
export function firstIndex(count: number, fits: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function cut(text: string): string {
  return text.length > maxLineLength ? `${text.slice(0, maxLineLength)}…` : text;
}
