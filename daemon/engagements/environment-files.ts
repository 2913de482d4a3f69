import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import { type Environment, environmentText } from './environment-text.ts';

/** The environment files of one engagement. They hold secrets: only the user reads them, and they go with the engagement. */
export class EnvironmentFiles {
  readonly #written = new Map<string, string>();

  get isInUse(): boolean {
    return this.#written.size > 0;
  }

  /** @returns warnings. @throws AppError where a file cannot be written. */
  write({ envFile, envJson }: Pick<InterceptRequest, 'envFile' | 'envJson'>, environment: Environment): string[] {
    const warnings: string[] = [];
    if (envFile !== undefined) {
      const { text, leftOut } = environmentText(environment, envFile.syntax);
      this.#writeFile(envFile.path, text);
      if (leftOut.length > 0) {
        warnings.push(`${envFile.path} is without ${leftOut.join(', ')}: no variable of a shell can have such a name`);
      }
    }
    if (envJson !== undefined) this.#writeFile(envJson, environmentText(environment, 'json').text);
    return warnings;
  }

  /** Removes what was written; a file that somebody has changed since is theirs. */
  remove(): void {
    for (const [path, text] of this.#written) if (readText(path) === text) rmSync(path, { force: true });
    this.#written.clear();
  }

  #writeFile(path: string, text: string): void {
    if (this.#written.get(path) === text && readText(path) === text) return;
    try {
      mkdirSync(dirname(path), { recursive: true });
      // A new file, since one that is there may be readable by others.
      const fresh = `${path}.${process.pid}.new`;
      writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' });
      renameSync(fresh, path);
    } catch (error) {
      const reason = AppError.from(error).message;
      throw new AppError({ code: 'engagement.environment', message: `${path} cannot be written`, reason }, error);
    }
    this.#written.set(path, text);
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
