import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, replaceFile } from './text-file.ts';

/**
 * The files by which a daemon takes up what an earlier one had: all in the runtime directory, so a new login begins without any. The
 * daemon reads and writes them; where none runs, a command may make it forget.
 */

/** What the user wants to be connected to, by name of the connection. */
export function connectionsFile(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'connections.json');
}

/** Which connections are paused, by name. */
export function pausesFile(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'pauses.json');
}

/** The engagements of one connection, with the session that has them. */
export function engagementsFile(runtimeDirectory: string, connection: string): string {
  return join(runtimeDirectory, `engagements-${connection}.json`);
}

/** The user has ended the connection: the next of its name begins without engagements. */
export function forgetEngagements(runtimeDirectory: string, connection: string): void {
  rmSync(engagementsFile(runtimeDirectory, connection), { force: true });
}

/** The connections that the next daemon would take up, or whose engagements it would; by name. For use where no daemon runs. */
export function leftConnections(runtimeDirectory: string): string[] {
  const wanted = Object.keys(readRecord(connectionsFile(runtimeDirectory)));
  return [...new Set([...wanted, ...engagedConnections(runtimeDirectory)])].sort();
}

/** Makes the next daemon begin without these connections. For use where no daemon runs. */
export function forgetConnections(runtimeDirectory: string, names: readonly string[]): void {
  for (const file of [connectionsFile(runtimeDirectory), pausesFile(runtimeDirectory)]) {
    const kept = Object.entries(readRecord(file)).filter(([name]) => !names.includes(name));
    if (kept.length === 0) rmSync(file, { force: true });
    else replaceFile(file, JSON.stringify(Object.fromEntries(kept)));
  }
  for (const name of names) forgetEngagements(runtimeDirectory, name);
}

function engagedConnections(runtimeDirectory: string): string[] {
  try {
    return readdirSync(runtimeDirectory).flatMap((file) => /^engagements-(.+)\.json$/.exec(file)?.[1] ?? []);
  } catch {
    // Without the directory there are none.
    return [];
  }
}

/** A file that nobody can read has nothing that a daemon would take up. */
function readRecord(file: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readIfThere(file) ?? '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}
