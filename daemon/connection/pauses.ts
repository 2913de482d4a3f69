import { rmSync } from 'node:fs';
import * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { readIfThere, replaceFile } from '#base/node/text-file.ts';

const pauseSchema = z.object({ since: z.string(), until: z.optional(z.string()) });

/** From when, and until when; without an end until somebody resumes. ISO 8601. */
export type Pause = z.infer<typeof pauseSchema>;

const fileSchema = z.record(z.string(), pauseSchema);

/** Timers do not count the time that a laptop sleeps, so the clock is looked at from time to time. */
const lookEveryMs = 30_000;

/** Which connections are paused, kept in a file for the daemon after this one, and their ends. */
export class Pauses {
  readonly #file: string;
  readonly #logger: Logger;
  readonly #onEnd: (name: string) => void;
  readonly #pauses: Map<string, Pause>;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  /** `onEnd` is told of each pause whose time is over, once. */
  constructor(file: string, logger: Logger, onEnd: (name: string) => void) {
    this.#file = file;
    this.#logger = logger;
    this.#onEnd = onEnd;
    this.#pauses = new Map(Object.entries(this.#read()));
    for (const name of this.#pauses.keys()) this.#schedule(name);
  }

  /** `undefined` where the connection is not paused, or not any more. */
  get(name: string): Pause | undefined {
    const pause = this.#pauses.get(name);
    return pause === undefined || isOver(pause) ? undefined : pause;
  }

  set(name: string, pause: Pause): void {
    this.#pauses.set(name, pause);
    this.#schedule(name);
    this.#write();
  }

  clear(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    if (this.#pauses.delete(name)) this.#write();
  }

  clearAll(): void {
    for (const name of this.#pauses.keys()) this.clear(name);
  }

  /** The laptop slept, perhaps: ends what is over by now. */
  look(): void {
    for (const name of this.#pauses.keys()) this.#schedule(name);
  }

  #schedule(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    const until = this.#pauses.get(name)?.until;
    if (until === undefined) return;
    const leftMs = Date.parse(until) - Date.now();
    const due = () => (Date.parse(until) <= Date.now() ? this.#onEnd(name) : this.#schedule(name));
    this.#timers.set(name, setTimeout(due, Math.min(Math.max(0, leftMs), lookEveryMs)).unref());
  }

  #read(): Record<string, Pause> {
    try {
      return z.parse(fileSchema, JSON.parse(readIfThere(this.#file) ?? '{}'));
    } catch (error) {
      this.#logger.warn('The file of pauses is of no use', { file: this.#file, error });
      return {};
    }
  }

  #write(): void {
    try {
      if (this.#pauses.size === 0) rmSync(this.#file, { force: true });
      else replaceFile(this.#file, JSON.stringify(Object.fromEntries(this.#pauses)));
    } catch (error) {
      this.#logger.warn('A pause could not be kept: it would not survive a crash', { error });
    }
  }
}

function isOver({ until }: Pause): boolean {
  return until !== undefined && Date.parse(until) <= Date.now();
}
