import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, resolve } from 'node:path';
import { app, Menu, Notification, nativeTheme, powerMonitor, protocol, session } from 'electron';
import { productVersion } from '#base/common/version.ts';
import type { ProcessLogger } from '#base/node/logger.ts';
import type { Paths } from '#base/node/paths.ts';
import type { AppEvent } from '#protocol/app-bridge/app-bridge.ts';
import { parseDeepLink } from '#protocol/app-bridge/deep-link.ts';
import type { DaemonState, Preferences } from '#protocol/local-api/model.ts';
import { createBridgeHandlers } from '../bridge/bridge-handlers.ts';
import { type DaemonCondition, DaemonLink } from '../daemon/daemon-link.ts';
import { openDaemon } from '../daemon/open-daemon.ts';
import { createHelperService } from '../helper/helper-service.ts';
import { noticesBetween } from '../notifications/notices.ts';
import { watchNetwork } from '../power/network-watch.ts';
import { hasTray } from '../tray/has-tray.ts';
import { createTray } from '../tray/tray-adapter.ts';
import { type TraySnapshot, trayView } from '../tray/tray-view.ts';
import { createAppWindow } from '../window/app-window.ts';
import { createPagePorts } from '../window/page-ports.ts';
import { watchClusterChoices } from './cluster-choices.ts';
import { hardenSession } from './harden.ts';
import { createHelperStarter } from './helper-starter.ts';
import type { AppLayout } from './layout.ts';
import { createLoginStart, loginArgument } from './login-start.ts';
import { createQuit } from './quit.ts';
import { rendererScheme, serveRenderer } from './serve-renderer.ts';
import { createTrayActions } from './tray-actions.ts';
import { createUpdates } from './updates.ts';

export interface StartAppOptions {
  readonly layout: AppLayout;
  readonly paths: Paths;
  readonly processLogger: ProcessLogger;
  readonly args: readonly string[];
}

/** The running app, as far as the system has news for it. */
export interface RunningApp {
  /** Another start of the app, which has ended: its arguments may hold a link. */
  startedAgain(args: readonly string[]): void;
  openLink(url: string): void;
  /** macOS: the icon in the Dock was clicked. */
  activate(): void;
  /** Something wants the app to end. False: it may. */
  holdQuit(): boolean;
}

/** Puts the parts together, when Electron is ready. */
export async function startApp(options: StartAppOptions): Promise<RunningApp> {
  const { layout, paths, processLogger } = options;
  const { logger } = processLogger;
  const isTrayVisible = await hasTray(process.platform);
  protocol.handle(rendererScheme, ({ url }) => serveRenderer(layout.rendererDirectory, url));
  // Electron's own menu would offer reloading and developer tools; on macOS editing keys are in it, too.
  if (process.platform !== 'darwin') Menu.setApplicationMenu(null);
  hardenSession(session.defaultSession, logger.child('page'));

  const kubeconfigEnv = absoluteList(process.env['KUBECONFIG']);
  let before: DaemonState | undefined;
  let isFirstState = true;
  const link = new DaemonLink({
    open: (signal) =>
      openDaemon({ nodePath: layout.nodePath, daemonScript: layout.daemonScript, paths, env: process.env, signal }),
    // An orderly end takes the socket away; a crash leaves it. A named pipe of Windows says nothing.
    hasEnded: () => process.platform !== 'win32' && !existsSync(paths.daemonSocket),
    onChange: (condition) => onDaemon(condition),
    logger: logger.child('daemon-link'),
  });
  const updates = createUpdates({
    resourcesPath: process.resourcesPath,
    isPackaged: app.isPackaged,
    logger: logger.child('updates'),
    onReady(version) {
      drawTray();
      const body = 'It is installed when the app ends. Click to restart into it now.';
      tell(`Version ${version} is ready`, body, () => void installUpdate());
    },
  });
  // The daemon keeps what there is, and the new version puts its own in its place.
  const installUpdate = () => quit.request('keep-running', () => updates.install());
  const helper = createHelperStarter(layout, paths, link);
  const window = createAppWindow({
    layout,
    onClose() {
      if (quit.isDecided) return false;
      if (isTrayVisible || process.platform === 'darwin') return true;
      // Without a tray nothing would be left to open it with.
      void quit.request();
      return true;
    },
    onPageGone: () => ports.pageGone(),
  });
  const quit = createQuit(link, logger, async () => {
    stopWatchingNetwork();
    tray.destroy();
    await link.stop();
    processLogger.close();
  });
  const ports = createPagePorts({
    window: () => window.window,
    daemonSocket: paths.daemonSocket,
    kubeconfigEnv,
    isDaemonThere: () => link.state !== undefined,
    bridgeHandlers: createBridgeHandlers({
      window: () => window.window,
      startDaemon: () => link.startDaemon(),
      helper,
      helperService: createHelperService({
        platform: process.platform,
        uid: process.getuid?.() ?? userInfo().uid,
        instance: paths.helperInstance,
        asRoot: process.getuid?.() === 0,
      }),
      quit,
      updates,
      hasTray: isTrayVisible,
    }),
    logger: logger.child('page'),
  });
  const showWindow = (event?: AppEvent) => {
    window.show();
    if (event !== undefined) ports.push(event);
  };
  const tell = (title: string, body: string, onClick: () => void = () => showWindow()) => {
    if (!Notification.isSupported()) return;
    const notification = new Notification({ title, body });
    notification.on('click', onClick);
    notification.show();
  };
  const tray = createTray(
    layout.iconDirectory,
    createTrayActions({
      link,
      quit,
      kubeconfigEnv,
      logger: logger.child('tray'),
      showWindow,
      ensureHelper: () => helper.ensure(),
      installUpdate,
      tellFailure: (title, { message, reason }) => tell(title, reason === undefined ? message : `${message}: ${reason}`),
    }),
  );
  const choices = watchClusterChoices(link, kubeconfigEnv, logger.child('tray'), () => drawTray());
  const drawTray = () => {
    const { ready } = updates;
    const update = ready === undefined ? {} : { update: ready };
    tray.show(trayView({ daemon: trayDaemon(link.condition), ...choices.current, ...update }));
  };
  const loginStart = createLoginStart({
    platform: process.platform,
    env: process.env,
    homeDirectory: app.getPath('home'),
    executable: app.getPath('exe'),
    setLoginItemSettings: (settings) => app.setLoginItemSettings(settings),
  });

  function onDaemon(condition: DaemonCondition): void {
    drawTray();
    if (condition.kind === 'lost') {
      const { message, reason } = condition.error;
      ports.push({ kind: 'daemon-lost', message, ...(reason === undefined ? {} : { reason }) });
      before = undefined;
    }
    if (condition.kind === 'ended') {
      ports.push({ kind: 'daemon-ended' });
      before = undefined;
    }
    if (condition.kind !== 'connected') return;
    const { state } = condition;
    ports.daemonCame();
    choices.refresh();
    if (before !== undefined) {
      for (const { title, body, engagement } of noticesBetween(before, state)) {
        tell(title, body, () =>
          showWindow(engagement === undefined ? undefined : { kind: 'show-page', page: 'engagements', engagement }),
        );
      }
    }
    applyPreferences(before?.preferences['preferences'], state.preferences['preferences']);
    before = state;
  }

  function applyPreferences(earlier: Preferences | undefined, wanted: Preferences | undefined): void {
    if (wanted !== undefined && wanted.startAtLogin !== earlier?.startAtLogin && app.isPackaged)
      loginStart.set(wanted.startAtLogin);
    nativeTheme.themeSource = wanted?.theme === 'light' || wanted?.theme === 'dark' ? wanted.theme : 'system';
    if (!isFirstState) return;
    isFirstState = false;
    if (isStartedAtLogin && window.window === undefined) showAfterLogin(wanted?.startHidden === true);
    if (wanted?.checkForUpdates === true) updates.check().catch((error: unknown) => logger.warn('No update', { error }));
  }

  // Who starts the app wants to see it; the login does not, where the preferences say so.
  const isStartedAtLogin = options.args.includes(loginArgument);
  const showAfterLogin = (isHidden: boolean) => {
    if (!isHidden) window.show();
    // Hidden, and without a tray, nothing would be left to open it with.
    else if (!isTrayVisible) window.showMinimized();
  };
  const report = (kind: 'suspend' | 'resume' | 'network') => {
    if (link.state === undefined) return;
    link.api.call('powerEvent', { kind }).catch((error: unknown) => logger.info('The daemon missed news', { kind, error }));
  };
  powerMonitor.on('suspend', () => report('suspend'));
  powerMonitor.on('resume', () => report('resume'));
  const stopWatchingNetwork = watchNetwork(() => report('network'));
  const openLink = (url: string) => {
    const parsed = parseDeepLink(url);
    if (parsed.kind === 'refused') {
      logger.warn('A link was refused', { reason: parsed.reason });
      tell('The link does not open anything', `It is refused because ${parsed.reason}`);
      return;
    }
    showWindow({ kind: 'deep-link', link: parsed });
  };

  drawTray();
  link.start();
  logger.info('App started', { version: productVersion, hasTray: isTrayVisible, isStartedAtLogin });
  if (!isStartedAtLogin) window.show();
  return {
    startedAgain(args) {
      const url = linkAmong(args);
      if (url === undefined) window.show();
      else openLink(url);
    },
    openLink,
    activate: () => window.show(),
    holdQuit() {
      if (quit.isDecided) return false;
      void quit.request();
      return true;
    },
  };
}

/** The link that the system hands over as an argument, as Windows and Linux do. */
export function linkAmong(args: readonly string[]): string | undefined {
  return args.find((argument) => /^telepresence:\/\//i.test(argument));
}

/** The daemon has a working directory of its own. */
function absoluteList(paths = ''): string | undefined {
  const listed = paths.split(delimiter).filter((path) => path !== '');
  return listed.length === 0 ? undefined : listed.map((path) => resolve(path)).join(delimiter);
}

function trayDaemon(condition: DaemonCondition): TraySnapshot['daemon'] {
  if (condition.kind !== 'lost') return condition;
  const { code, message } = condition.error;
  return { kind: code === 'daemon.refused' ? 'refused' : 'lost', reason: message };
}
