import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface RotatingFileOptions {
  /** A file that would grow beyond this is rotated first. Default 10 MiB. */
  readonly maxBytes?: number;
  /** Older files to keep, as `name.1` (newest) to `name.N`. Default 4. */
  readonly keep?: number;
}

/**
 * Appends lines to a file of mode 0600. Writes are synchronous, so that the last line before a crash is there; a full or vanished
 * disk loses lines and never the process.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #keep: number;
  #descriptor: number | undefined;
  #bytes = 0;

  constructor(path: string, options: RotatingFileOptions = {}) {
    this.#path = path;
    this.#maxBytes = options.maxBytes ?? 10 * 1024 * 1024;
    this.#keep = options.keep ?? 4;
  }

  write(line: string): void {
    try {
      const bytes = Buffer.from(line);
      if (this.#descriptor !== undefined && this.#bytes + bytes.length > this.#maxBytes && this.#bytes > 0) this.#rotate();
      const descriptor = this.#descriptor ?? this.#open();
      this.#bytes += writeSync(descriptor, bytes);
    } catch {
      this.close();
    }
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    closeSync(descriptor);
  }

  #open(): number {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const descriptor = openSync(this.#path, 'a', 0o600);
    this.#descriptor = descriptor;
    this.#bytes = fstatSync(descriptor).size;
    return descriptor;
  }

  #rotate(): void {
    this.close();
    for (let number = this.#keep; number >= 1; number -= 1) {
      const older = number === 1 ? this.#path : `${this.#path}.${number - 1}`;
      try {
        renameSync(older, `${this.#path}.${number}`);
      } catch {
        // There are not yet that many.
      }
    }
  }
}
