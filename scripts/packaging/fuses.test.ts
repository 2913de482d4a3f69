import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FuseState, FuseV1Options } from '@electron/fuses';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkout } from '../checkout.ts';
import { builtFuseProblems, configuredFuseProblems, fuseNumber } from './fuses.ts';

const configured = (
  parse(readFileSync(join(checkout, 'electron-builder.yml'), 'utf8')) as { electronFuses: Readonly<Record<string, boolean>> }
).electronFuses;

describe('fuses', () => {
  it('are closed in the configuration of the package', () => {
    expect(configuredFuseProblems(configured)).toEqual([]);
    // What the design calls closed, in full: no other program by this one, and nothing but the app from where it was sealed.
    expect(configured).toEqual({
      runAsNode: false,
      enableCookieEncryption: false,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      loadBrowserProcessSpecificV8Snapshot: false,
      grantFileProtocolExtraPrivileges: false,
    });
  });

  it.each(Object.keys(configured))('are refused where %s is open or not named', (name) => {
    const { [name]: isSet, ...others } = configured;
    expect(configuredFuseProblems({ ...others, [name]: isSet !== true })).toEqual([expect.stringContaining(name)]);
    expect(configuredFuseProblems(others)).toEqual([expect.stringContaining('undefined')]);
  });

  it('are all decided about, but for one that is no door', () => {
    const known = Object.values(FuseV1Options).filter((name) => typeof name === 'string');
    const decided = Object.keys(configured).map((name) => name.charAt(0).toUpperCase() + name.slice(1));
    // How WebAssembly finds accesses out of bounds: of speed alone.
    expect(known.filter((name) => !decided.includes(name))).toEqual(['WasmTrapHandlers']);
    expect(configuredFuseProblems({ ...configured, somethingNew: true })).toHaveLength(1);
  });

  it('are compared with those of a program that was built', () => {
    const wire: Readonly<Record<string, FuseState>> = Object.fromEntries(
      Object.entries(configured).map(([name, isOn]) => [String(fuseNumber(name)), isOn ? FuseState.ENABLE : FuseState.DISABLE]),
    );
    expect(builtFuseProblems(wire)).toEqual([]);
    expect(builtFuseProblems({ ...wire, [FuseV1Options.RunAsNode]: FuseState.ENABLE })).toEqual([
      expect.stringContaining('runAsNode'),
    ]);
    expect(builtFuseProblems({ ...wire, [FuseV1Options.OnlyLoadAppFromAsar]: FuseState.REMOVED })).toHaveLength(1);
  });
});
