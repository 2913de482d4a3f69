import { rmSync } from 'node:fs';
import * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { readIfThere, replaceFile } from '#base/node/text-file.ts';
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
    try {
      return z.parse(fileSchema, JSON.parse(readIfThere(this.#file) ?? '{}'));
    } catch (error) {
      this.#logger.warn('The file of wanted connections is of no use', { file: this.#file, error });
      return {};
    }
  }

  write(requests: Readonly<Record<string, ConnectRequest>>): void {
    if (Object.keys(requests).length === 0) rmSync(this.#file, { force: true });
    else replaceFile(this.#file, JSON.stringify(requests));
  }
}
