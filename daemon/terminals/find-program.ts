import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether a program can be started: one with a `/` as it is named, others from the PATH. */
export function isProgram(file: string, path: string): boolean {
  const candidates = file.includes('/') ? [file] : path.split(delimiter).map((directory) => join(directory, file));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
