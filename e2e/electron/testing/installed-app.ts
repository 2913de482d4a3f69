import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../support/settings.ts';
import type { AppDirectory } from './app-directory.ts';

/** Why an app cannot pass for an installed one: that it is one is said by the double, and what it does then is that of Linux. */
export const missingForInstalled =
  (process.env['ELECTRON_BINARY'] ?? '') !== '' ? 'on the double only' : process.platform === 'linux' ? undefined : 'Linux only';

/** Puts programs where an installed app has them. @returns its resources, and the environment by which the double says so */
export function installApp(directory: AppDirectory): {
  readonly resources: string;
  readonly env: Readonly<Record<string, string>>;
} {
  const resources = join(directory.root, 'resources');
  mkdirSync(join(resources, 'product'), { recursive: true });
  symlinkSync(join(checkout, 'node_modules/node'), join(resources, 'product/node'));
  symlinkSync(join(directory.appPath, 'dist'), join(resources, 'product/dist'));
  return { resources, env: { DOUBLE_IS_PACKAGED: '1', DOUBLE_RESOURCES_PATH: resources } };
}
