import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The random name of this installation, made at the first start. Where the state directory cannot be written it lasts for one run. */
export function readInstallId(stateDirectory: string): string {
  const file = join(stateDirectory, 'install-id');
  try {
    const found = readFileSync(file, 'utf8').trim();
    if (uuid.test(found)) return found;
  } catch {
    // The first start, or nobody's to read: a new one follows either way.
  }
  const made = randomUUID();
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    writeFileSync(file, `${made}\n`, { mode: 0o600 });
  } catch {
    // A read-only home directory is no reason not to start.
  }
  return made;
}
