import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { setImmediate as nextTurn } from 'node:timers/promises';

const newline = 0x0a;
const blockBytes = 256 * 1024;

/** Per look: a file that grows faster than this can be told is skipped ahead in. */
const maxLookBytes = 2 * 1024 * 1024;
const maxBehindBytes = 16 * 1024 * 1024;

/** Of a line that never ends. */
const maxRestCharacters = 64 * 1024;

export interface LineSink {
  line(text: string): void;
  /** Lines that were not looked at, since there were too many. */
  drop(count: number): void;
}

/** Follows one file from a position on, across rotation to `path.1`, `path.2` … and truncation. */
export class FileTail {
  readonly #path: string;
  readonly #sink: LineSink;
  #file: FileHandle | undefined;
  #inode = 0;
  #position: number;
  #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(path: string, sink: LineSink, position = 0) {
    this.#path = path;
    this.#sink = sink;
    this.#position = position;
  }

  /** Reads what is new. @returns whether there is more to read. */
  async look(): Promise<boolean> {
    if (this.#file === undefined && !(await this.#open(this.#path))) return false;
    const isMore = await this.#read();
    if (isMore) return true;
    const found = await stat(this.#path).catch(() => undefined);
    if (found !== undefined && found.ino !== this.#inode) return await this.#followRotation();
    if (found !== undefined && found.size < this.#position) this.#restart();
    return false;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  async #open(path: string): Promise<boolean> {
    try {
      this.#file = await open(path, 'r');
      this.#inode = (await this.#file.stat()).ino;
      return true;
    } catch {
      // Not there yet, or not for this user: whoever lists the sources knows.
      await this.close();
      return false;
    }
  }

  async #read(): Promise<boolean> {
    const file = this.#file;
    if (file === undefined) return false;
    const { size } = await file.stat();
    if (size - this.#position > maxBehindBytes) await this.#skip(file, size - maxLookBytes);
    const end = Math.min(size, this.#position + maxLookBytes);
    const buffer = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(0, end - this.#position)));
    while (this.#position < end) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - this.#position), this.#position);
      if (bytesRead === 0) break;
      this.#position += bytesRead;
      this.#take(buffer.subarray(0, bytesRead));
      await nextTurn();
    }
    return this.#position < size;
  }

  /** The next line begins somewhere behind `target`. */
  async #skip(file: FileHandle, target: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(blockBytes);
    let lines = 0;
    while (this.#position < target) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(blockBytes, target - this.#position), this.#position);
      if (bytesRead === 0) break;
      this.#position += bytesRead;
      for (let at = buffer.indexOf(newline); at !== -1 && at < bytesRead; at = buffer.indexOf(newline, at + 1)) lines += 1;
      await nextTurn();
    }
    this.#decoder = new StringDecoder('utf8');
    this.#rest = '';
    this.#sink.drop(lines);
  }

  #take(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > maxRestCharacters) {
      lines.push(this.#rest);
      this.#rest = '';
    }
    for (const line of lines) this.#sink.line(line);
  }

  /** The file that was read has another name now; younger ones may lie between it and the present one. */
  async #followRotation(): Promise<boolean> {
    // What was written between the last look and the rotation; afterwards nobody writes there.
    while (await this.#read());
    const former = this.#inode;
    for (;;) {
      const next = await this.#youngerThan(former);
      await this.close();
      if (!(await this.#open(next))) return false;
      // Another rotation in between would have given the name to a younger file.
      if ((await this.#youngerThan(former)) === next) break;
    }
    this.#restart();
    return true;
  }

  async #youngerThan(inode: number): Promise<string> {
    for (let number = 1; ; number += 1) {
      const found = await stat(`${this.#path}.${number}`).catch(() => undefined);
      if (found === undefined) return this.#path;
      if (found.ino === inode) return number === 1 ? this.#path : `${this.#path}.${number - 1}`;
    }
  }

  #restart(): void {
    this.#position = 0;
    this.#decoder = new StringDecoder('utf8');
    if (this.#rest !== '') this.#sink.line(this.#rest);
    this.#rest = '';
  }
}

/** Enough for 10,000 lines, unless they are very long. */
const maxHistoryBytes = 16 * 1024 * 1024;

/** The last lines of a file, together with those of the rotated ones before it, and where its next line begins. */
export async function readLastLines(path: string, count: number): Promise<{ readonly lines: string[]; readonly end: number }> {
  const newest = await lastLinesOf(path, count);
  let { lines } = newest;
  for (let number = 1; lines.length < count; number += 1) {
    const older = await lastLinesOf(`${path}.${number}`, count - lines.length);
    if (older.end === 0) break;
    lines = [...older.lines, ...lines];
  }
  return { lines, end: newest.end };
}

async function lastLinesOf(path: string, count: number): Promise<{ lines: string[]; end: number }> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return { lines: [], end: 0 };
  try {
    const { size } = await file.stat();
    const blocks: Buffer[] = [];
    let [position, newlines] = [size, 0];
    while (position > 0 && newlines <= count && size - position < maxHistoryBytes) {
      const length = Math.min(blockBytes, position);
      const block = Buffer.allocUnsafe(length);
      const { bytesRead } = await file.read(block, 0, length, position - length);
      position -= length;
      blocks.unshift(block.subarray(0, bytesRead));
      for (let at = block.indexOf(newline); at !== -1; at = block.indexOf(newline, at + 1)) newlines += 1;
    }
    const bytes = Buffer.concat(blocks);
    const end = bytes.lastIndexOf(newline) + 1;
    const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
    // The first may be the second half of a line.
    if (position > 0) lines.shift();
    return { lines: count === 0 ? [] : lines.slice(-count), end: position + end };
  } finally {
    await file.close();
  }
}

/** Files of one folder whose names match. Rotated ones do not. */
export async function matchingFiles(directory: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => pattern.test(name)).map((name) => join(directory, name));
}
