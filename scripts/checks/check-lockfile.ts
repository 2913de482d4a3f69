import { missingPackages, readLockfile } from '../lockfile.ts';

/** Whether `npm ci` takes the lockfile, on this system and on others. */
export function checkLockfile(): readonly string[] {
  const missing = missingPackages(readLockfile());
  if (missing.length === 0) return [];
  return [
    ...missing.map(({ path, wantedBy }) => `${wantedBy} wants ${path}, which is not in the lockfile`),
    'To add them: npm run lockfile',
  ];
}
