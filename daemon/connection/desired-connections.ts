import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { type ConnectRequest, connectRequest } from '#protocol/local-api/model.ts';

const fileSchema = z.record(z.string(), connectRequest);

/**
 * The connections that the user wants, kept in a file that a daemon started later reads: after a crash it brings them up again. The file
 * is in the runtime directory, so a new login begins without any; it may hold a token given as a flag, hence its mode.
 */
export class DesiredConnections {
  readonly #file: string;
  readonly #logger: Logger;

  constructor(file: string, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
  }

  read(): Readonly<Record<string, ConnectRequest>> {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return {};
    }
    try {
      return z.parse(fileSchema, JSON.parse(text));
    } catch (error) {
      this.#logger.warn('The file of wanted connections is of no use', { file: this.#file, error });
      return {};
    }
  }

  write(requests: Readonly<Record<string, ConnectRequest>>): void {
    if (Object.keys(requests).length === 0) {
      rmSync(this.#file, { force: true });
      return;
    }
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const fresh = `${this.#file}.new`;
    writeFileSync(fresh, JSON.stringify(requests), { mode: 0o600 });
    renameSync(fresh, this.#file);
  }
}
