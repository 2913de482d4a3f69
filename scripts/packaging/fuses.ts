import { FuseState, FuseV1Options } from '@electron/fuses';

/**
 * What the app's program may do, as `electronFuses` of `electron-builder.yml` has it. Each one that lets somebody run code of theirs as the
 * app, or in its place, is closed.
 */
const wantedFuses: Readonly<Record<string, boolean>> = {
  runAsNode: false,
  // The app has no cookies, and their encryption would ask for the keychain.
  enableCookieEncryption: false,
  enableNodeOptionsEnvironmentVariable: false,
  enableNodeCliInspectArguments: false,
  enableEmbeddedAsarIntegrityValidation: true,
  onlyLoadAppFromAsar: true,
  loadBrowserProcessSpecificV8Snapshot: false,
  grantFileProtocolExtraPrivileges: false,
};

/** Fuses that are not as they have to be in the builder's configuration, one line each; one that nobody named counts. */
export function configuredFuseProblems(configured: Readonly<Record<string, unknown>>): readonly string[] {
  return [...new Set([...Object.keys(wantedFuses), ...Object.keys(configured)])].flatMap((name) =>
    Object.hasOwn(wantedFuses, name) && configured[name] === wantedFuses[name]
      ? []
      : [`the fuse ${name} is ${String(configured[name])}, and has to be ${String(wantedFuses[name] ?? 'decided about')}`],
  );
}

/** The same for a program that was built. @param wire of the program: state by the fuse's number */
export function builtFuseProblems(wire: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(wantedFuses).flatMap(([name, isWanted]) => {
    const state = wire[fuseNumber(name)];
    return state === (isWanted ? FuseState.ENABLE : FuseState.DISABLE)
      ? []
      : [`the fuse ${name} of the program has the state ${String(state)}, and has to be ${String(isWanted)}`];
  });
}

/** Place of a fuse in a program, by its name in the builder's configuration. The library has the names with a capital. */
export function fuseNumber(name: string): number {
  const key = name.charAt(0).toUpperCase() + name.slice(1);
  const number = Object.entries(FuseV1Options).find(([known]) => known === key)?.[1];
  if (typeof number !== 'number') throw new Error(`Electron has no fuse ${name}`);
  return number;
}
