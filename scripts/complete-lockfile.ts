import { writeFileSync } from 'node:fs';
import { type LockedPackage, lockfilePath, type MissingPackage, missingPackages, readLockfile } from './lockfile.ts';

/**
 * npm run lockfile, after each `npm install`: puts packages for other systems into the lockfile that npm left out (see
 * lockfile.ts). System and processor are in their names; a checksum is not to be had, and npm takes an entry without one.
 */
const lockfile = readLockfile();
const missing = missingPackages(lockfile);
const added = missing.map((entry): [string, LockedPackage] => [entry.path, lockedPackage(entry)]);
const packages = [...Object.entries(lockfile.packages), ...added].toSorted(([first], [second]) => (first < second ? -1 : 1));
writeFileSync(lockfilePath, `${JSON.stringify({ ...lockfile, packages: Object.fromEntries(packages) }, null, 2)}\n`);
console.log(`${missing.length} packages for other systems added`);

function lockedPackage({ path, version, wantedBy }: MissingPackage): LockedPackage {
  const [, system, processor] =
    /(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-([a-z0-9]+)/.exec(path) ?? [];
  if (system === undefined || processor === undefined)
    throw new Error(`${path}: for which system it is cannot be told from its name`);
  const libc = system !== 'linux' ? undefined : /musl/.test(path) ? 'musl' : /gnu/.test(path) ? 'glibc' : undefined;
  const isDevelopment = lockfile.packages[wantedBy]?.dev === true;
  return {
    version,
    cpu: [processor.startsWith('arm') && processor !== 'arm64' ? 'arm' : processor],
    ...(isDevelopment ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [system],
  };
}
