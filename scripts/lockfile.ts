import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './checkout.ts';

/** What npm writes about one package; more fields are there. */
export interface LockedPackage {
  readonly version?: string;
  readonly optional?: boolean;
  readonly dev?: boolean;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lockfile {
  readonly version: string;
  /** By path: `node_modules/esbuild`. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export const lockfilePath = join(checkout, 'package-lock.json');

export function readLockfile(): Lockfile {
  return JSON.parse(readFileSync(lockfilePath, 'utf8')) as Lockfile;
}

/** A package for another system that the lockfile leaves out. */
export interface MissingPackage {
  readonly path: string;
  readonly version: string;
  /** Who has it as an optional dependency. */
  readonly wantedBy: string;
}

/**
 * Optional dependencies without an entry. npm leaves out what the registry at hand does not have, as a mirror for one system
 * does, and `npm ci` then refuses the lockfile everywhere.
 */
export function missingPackages({ packages }: Lockfile): readonly MissingPackage[] {
  const missing = new Map<string, MissingPackage>();
  for (const [wantedBy, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const isThere =
        packages[`${wantedBy}/node_modules/${name}`] !== undefined || packages[`node_modules/${name}`] !== undefined;
      if (!isThere) missing.set(name, { path: `node_modules/${name}`, version, wantedBy });
    }
  }
  return [...missing.values()];
}
