import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const checkout = join(import.meta.dirname, '../../..');

/** A home of its own for one run of the app: nothing of the person's is read or changed. */
export interface AppDirectory {
  readonly root: string;
  readonly appPath: string;
  readonly userData: string;
  readonly env: Readonly<Record<string, string>>;
  readonly daemonSocket: string;
  readonly logFile: string;
  /** As on a desktop whose panel shows no icons. */
  hideTray(): void;
  remove(): void;
}

/** The built app with the given page in place of the renderer. */
export function makeAppDirectory(page = join(checkout, 'e2e/electron/test-page')): AppDirectory {
  const root = mkdtempSync(join(tmpdir(), 'tel-app-'));
  const appPath = join(root, 'app');
  const at = (name: string) => join(root, name);
  mkdirSync(join(appPath, 'dist'), { recursive: true });
  for (const file of [
    'main.js',
    'preload.cjs',
    'daemon.js',
    'daemon.bundle.js',
    'helper.js',
    'connection-worker.js',
    'connection-worker.bundle.js',
  ]) {
    cpSync(join(checkout, 'dist', file), join(appPath, 'dist', file));
  }
  cpSync(page, join(appPath, 'dist/renderer'), { recursive: true });
  // On Electron's own program a module of the suite is loaded first, which loads the app.
  const record = readFileSync(join(checkout, 'e2e/electron/real/record.ts'), 'utf8');
  writeFileSync(join(appPath, 'record.js'), stripTypeScriptTypes(record));
  const manifest = { name: 'telepresence-desktop', version: '0.1.0', type: 'module', main: 'record.js' };
  writeFileSync(join(appPath, 'package.json'), JSON.stringify(manifest));
  symlinkSync(join(checkout, 'node_modules'), join(appPath, 'node_modules'));
  symlinkSync(join(checkout, 'assets'), join(appPath, 'assets'));
  const env = {
    HOME: at('home'),
    XDG_CONFIG_HOME: at('config'),
    XDG_STATE_HOME: at('state'),
    XDG_CACHE_HOME: at('cache'),
    // `busctl` is asked whether anything shows icons in a tray.
    PATH: `${at('bin')}:${process.env['PATH']}`,
    TELEPRESENCE_RUNTIME_DIR: at('run'),
    KUBECONFIG: at('no-kubeconfig'),
  };
  mkdirSync(env.HOME);
  mkdirSync(at('bin'));
  writeFileSync(at('bin/busctl'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  return {
    root,
    appPath,
    userData: at('user-data'),
    env,
    daemonSocket: join(env.TELEPRESENCE_RUNTIME_DIR, 'daemon.sock'),
    logFile: join(env.XDG_STATE_HOME, 'telepresence/logs/app.log'),
    hideTray: () => writeFileSync(at('bin/busctl'), '#!/bin/sh\nexit 1\n'),
    remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
}
