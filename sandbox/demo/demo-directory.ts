import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Telepresence } from './telepresence.ts';

const prefix = 'telepresence-demo-';
/** The process that takes the folder away at its end; none where everything was to stay. */
const ownerFile = 'owner';

/** A folder for all that a demo has of its own: sockets, settings, logs. */
export function makeDemoDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  writeFileSync(join(directory, ownerFile), String(process.pid));
  return directory;
}

/** It stays, with what runs there. */
export function keepDemoDirectory(directory: string): void {
  rmSync(join(directory, ownerFile));
}

/** Has the product keep everything there. */
export function demoEnvironment(directory: string): Readonly<Record<string, string>> {
  return {
    XDG_RUNTIME_DIR: directory,
    XDG_STATE_HOME: join(directory, 'state'),
    XDG_CONFIG_HOME: join(directory, 'config'),
  };
}

/** Ends what runs still of demos of this user that were killed. */
export async function endFormerDemos(checkout: string): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const directory = join(tmpdir(), name);
    if (!name.startsWith(prefix) || !isAbandoned(directory)) continue;
    console.log('Ending what is left of a demo that was killed');
    const telepresence = new Telepresence(checkout, demoEnvironment(directory));
    await telepresence.must(['quit', '--stop-daemons']);
    await telepresence.must(['sandbox', 'down']);
    rmSync(directory, { recursive: true, force: true });
  }
}

function isAbandoned(directory: string): boolean {
  try {
    if (statSync(directory).uid !== process.getuid?.()) return false;
    const owner = Number(readFileSync(join(directory, ownerFile), 'utf8'));
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
