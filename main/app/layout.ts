import { join } from 'node:path';

/** Where the files of the product are, which differs between a checkout and an installed app. */
export interface AppLayout {
  readonly rendererDirectory: string;
  readonly preload: string;
  readonly iconDirectory: string;
  /** The Node that daemon, helper and command line run on; never Electron's own. */
  readonly nodePath: string;
  readonly daemonScript: string;
  readonly helperScript: string;
}

/** Folder of the programs and their Node below the app's resources: `electron-builder.yml` puts them there. */
const programFolder = 'product';

export function appLayout(app: {
  readonly isPackaged: boolean;
  readonly appPath: string;
  readonly resourcesPath: string;
  readonly platform: NodeJS.Platform;
}): AppLayout {
  const inApp = (path: string) => join(app.appPath, path);
  const programs = app.isPackaged ? join(app.resourcesPath, programFolder) : app.appPath;
  const nodeName = app.platform === 'win32' ? 'node.exe' : 'bin/node';
  return {
    rendererDirectory: inApp('dist/renderer'),
    preload: inApp('dist/preload.cjs'),
    iconDirectory: inApp('assets/drawn'),
    nodePath: join(programs, app.isPackaged ? 'node' : 'node_modules/node', nodeName),
    daemonScript: join(programs, 'dist/daemon.js'),
    helperScript: join(programs, 'dist/helper.js'),
  };
}
