import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { RotatingFile } from '#base/node/logger-file.ts';

export interface HandlerFiles {
  /** What the handler prints: each line with its time in front. */
  readonly log: string;
  /** Names the processes of a handler, for a daemon that is started after a crash. */
  readonly record: string;
}

export function handlerFiles(
  directories: { readonly log: string; readonly runtime: string },
  connection: string,
  engagement: string,
): HandlerFiles {
  return {
    log: handlerLogFile(directories.log, connection, engagement),
    record: join(directories.runtime, `handler-${connection}-${engagement}.json`),
  };
}

export function handlerLogFile(logDirectory: string, connection: string, engagement: string): string {
  return join(logDirectory, `handler-${connection}-${engagement}.log`);
}

/** One older file is kept beside it. */
const maxFileBytes = 10 * 1024 * 1024;
const keptFiles = 1;

/** A program that prints more than this waits: whoever writes it down has other things to do. */
const maxBytesPerTurn = 2 * 1024 * 1024;
const turnMs = 100;

/** A line that is longer is cut into several. */
const maxLineCharacters = 64 * 1024;

/** Writes down what a handler prints, in bounded files that only the user reads. */
export class HandlerLog {
  readonly #path: string;
  readonly #file: RotatingFile;
  readonly #streams = new Set<Readable>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isRemoved = false;

  constructor(path: string) {
    this.#path = path;
    this.#file = new RotatingFile(path, { maxBytes: maxFileBytes, keep: keptFiles });
  }

  follow(stream: Readable): void {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    this.#streams.add(stream);
    stream.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > maxLineCharacters) {
        lines.push(rest);
        rest = '';
      }
      this.#write(lines);
      this.#count(chunk.length);
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      this.#streams.delete(stream);
      if (rest !== '') this.#write([rest]);
    });
  }

  /** A line of the daemon's own. */
  note(text: string): void {
    this.#write([text]);
  }

  /** What is still printed after this is not written down. */
  remove(): void {
    this.#isRemoved = true;
    clearTimeout(this.#timer);
    this.#file.close();
    for (const path of [this.#path, `${this.#path}.1`]) rmSync(path, { force: true });
  }

  #write(lines: readonly string[]): void {
    if (lines.length === 0 || this.#isRemoved) return;
    const time = new Date().toISOString();
    this.#file.write(lines.map((line) => `${time} ${line.replace(/\r$/, '')}\n`).join(''));
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#timer ??= setTimeout(() => this.#nextTurn(), turnMs).unref();
    if (this.#bytes > maxBytesPerTurn) for (const stream of this.#streams) stream.pause();
  }

  #nextTurn(): void {
    this.#timer = undefined;
    this.#bytes = 0;
    for (const stream of this.#streams) stream.resume();
  }
}
