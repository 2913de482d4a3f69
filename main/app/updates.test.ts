import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppUpdater, UpdateCheckResult } from 'electron-updater';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { createUpdates, type UpdatesOptions } from './updates.ts';

/** Stands in for the updater of the system: what it finds is what a test says. */
class UpdaterDouble
  extends EventEmitter
  implements Pick<AppUpdater, 'autoInstallOnAppQuit' | 'checkForUpdates' | 'logger' | 'quitAndInstall'>
{
  logger = null;
  autoInstallOnAppQuit = false;
  readonly calls: string[] = [];
  found: { readonly version: string; readonly isNewer: boolean } = { version: '0.1.0', isNewer: false };

  async checkForUpdates(): Promise<UpdateCheckResult> {
    this.calls.push('check');
    const { version, isNewer } = this.found;
    const info = { version, files: [], path: '', sha512: '', releaseDate: '' };
    return { isUpdateAvailable: isNewer, updateInfo: info, versionInfo: info };
  }
  quitAndInstall(): void {
    this.calls.push('install');
  }
}

const updater = vi.hoisted(() => ({ loaded: 0, double: undefined as unknown }));
vi.mock('electron-updater', () => {
  updater.loaded += 1;
  return {
    default: {
      get autoUpdater() {
        return updater.double;
      },
    },
  };
});

let resourcesPath = '';
let double = new UpdaterDouble();
beforeEach(() => {
  resourcesPath = mkdtempSync(join(tmpdir(), 'updates-'));
  double = new UpdaterDouble();
  updater.double = double;
});
afterEach(() => rmSync(resourcesPath, { recursive: true }));

const configure = () => writeFileSync(join(resourcesPath, 'app-update.yml'), 'provider: generic\nurl: https://example.com/\n');
const updates = (change: Partial<UpdatesOptions> = {}) =>
  createUpdates({ resourcesPath, isPackaged: true, logger: silentLogger, onReady: () => undefined, ...change });

// First of all: once loaded, a module stays so.
test('is off, and loads nothing, where nothing was configured at the build, and in a checkout', async () => {
  const unconfigured = updates();
  expect(unconfigured.isConfigured).toBe(false);
  expect(await unconfigured.check()).toBeUndefined();
  unconfigured.install();
  configure();
  const checkout = updates({ isPackaged: false });
  expect(checkout.isConfigured).toBe(false);
  expect(await checkout.check()).toBeUndefined();
  expect(updater.loaded).toBe(0);
  expect(double.calls).toEqual([]);
});

test('loads nothing before somebody looks for an update', async () => {
  configure();
  expect(updates().isConfigured).toBe(true);
  expect(updater.loaded).toBe(0);
});

test('says which newer version there is, and has it installed when the app ends', async () => {
  configure();
  const configured = updates();
  expect(await configured.check()).toBeUndefined();
  double.found = { version: '0.2.0', isNewer: true };
  expect(await configured.check()).toBe('0.2.0');
  expect(double.autoInstallOnAppQuit).toBe(true);
  expect(double.calls).toEqual(['check', 'check']);
});

test('tells once of a version that has been fetched, and restarts into it only then', async () => {
  configure();
  const told: string[] = [];
  const configured = updates({ onReady: (version) => told.push(version) });
  await Promise.all([configured.check(), configured.check()]);
  configured.install();
  expect(configured.ready).toBeUndefined();
  expect(double.calls).toEqual(['check', 'check']);
  double.emit('update-downloaded', { version: '0.2.0' });
  double.emit('update-downloaded', { version: '0.2.0' });
  expect(told).toEqual(['0.2.0']);
  expect(configured.ready).toBe('0.2.0');
  configured.install();
  expect(double.calls).toEqual(['check', 'check', 'install']);
});

test('passes on why it could not look', async () => {
  configure();
  double.checkForUpdates = () => Promise.reject(new Error('no route to the place of updates'));
  await expect(updates().check()).rejects.toThrow('no route to the place of updates');
});
