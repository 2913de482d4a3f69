import { join } from 'node:path';
import { app, powerMonitor, protocol } from 'electron';
import { createProcessLogger } from '#base/node/logger.ts';
import { productPaths } from '#base/node/paths.ts';
import { deepLinkScheme } from '#protocol/app-bridge/deep-link.ts';
import { hardenPages } from './app/harden.ts';
import { appLayout } from './app/layout.ts';
import { rendererScheme } from './app/serve-renderer.ts';
import { linkAmong, type RunningApp, startApp } from './app/start-app.ts';

const paths = productPaths(process.env);
const processLogger = createProcessLogger({ component: 'app', file: join(paths.logDirectory, 'app.log') });
const { logger } = processLogger;
const args = process.argv.slice(1);

process.on('uncaughtException', (error) => logger.error('Unexpected failure', { error }));
process.on('unhandledRejection', (error) => logger.error('Unexpected failure of something in the background', { error }));

// Before Electron is ready: these count for everything that comes later.
hardenPages(logger.child('page'));
protocol.registerSchemesAsPrivileged([
  { scheme: rendererScheme, privileges: { standard: true, secure: true, supportFetchAPI: true } },
]);
if (app.requestSingleInstanceLock()) {
  // Not awaited here: Electron becomes ready only when this module has been loaded.
  run().catch((error: unknown) => {
    logger.error('The app does not start', { error });
    app.exit(1);
  });
} else app.quit();

async function run(): Promise<void> {
  const live: { app?: RunningApp } = {};
  // What comes before the app is there is kept for it.
  const early: ((started: RunningApp) => void)[] = [];
  const whenRunning = (work: (started: RunningApp) => void) => {
    if (live.app === undefined) early.push(work);
    else work(live.app);
  };
  app.on('second-instance', (_event, secondArgs) => whenRunning((started) => started.startedAgain(secondArgs.slice(1))));
  app.on('open-url', (event, url) => {
    event.preventDefault();
    whenRunning((started) => started.openLink(url));
  });
  app.on('activate', () => whenRunning((started) => started.activate()));
  // The window is hidden rather than closed, and without it the tray goes on.
  app.on('window-all-closed', () => undefined);
  app.on('before-quit', (event) => {
    if (live.app?.holdQuit() === true) event.preventDefault();
  });
  // A checkout must not make itself what the system opens links with.
  if (app.isPackaged) app.setAsDefaultProtocolClient(deepLinkScheme);

  await app.whenReady();
  // The end of the login session asks nobody: the daemon takes its own leave.
  powerMonitor.on('shutdown', () => app.exit(0));
  const layout = appLayout({
    isPackaged: app.isPackaged,
    appPath: app.getAppPath(),
    resourcesPath: process.resourcesPath,
    platform: process.platform,
  });
  const started = await startApp({ layout, paths, processLogger, args });
  live.app = started;
  const link = linkAmong(args);
  if (link !== undefined) started.openLink(link);
  for (const work of early) work(started);
}
