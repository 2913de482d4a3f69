import { type BrowserWindow, ipcMain, MessageChannelMain, type WebFrameMain } from 'electron';
import type { Logger } from '#base/common/log.ts';
import { openDaemonChannel } from '#net/rpc/connect-api.ts';
import type { AppEvent } from '#protocol/app-bridge/app-bridge.ts';
import { ipcChannels, windowMessages } from '#protocol/app-bridge/ports.ts';
import { isRendererUrl } from '../app/serve-renderer.ts';
import { type BridgeHandlers, type ServedBridge, serveBridge } from '../bridge/serve-bridge.ts';
import { type MainPort, relay } from '../daemon/relay.ts';

export interface PagePortsOptions {
  window(): BrowserWindow | undefined;
  readonly daemonSocket: string;
  /** KUBECONFIG as the app was started with it. */
  readonly kubeconfigEnv: string | undefined;
  isDaemonThere(): boolean;
  readonly bridgeHandlers: BridgeHandlers;
  readonly logger: Logger;
}

/** The ports of the page that the window shows: one to the daemon, one to main. */
export interface PagePorts {
  /** The daemon is there, perhaps again: a page without a port to it gets one. */
  daemonCame(): void;
  /** Tells the page, at once or when it is there. */
  push(event: AppEvent): void;
  /** The page is gone, and its ports with it. */
  pageGone(): void;
}

/** More than this nobody waits for; a page that never comes must not fill the memory. */
const maxWaitingEvents = 20;

export function createPagePorts(options: PagePortsOptions): PagePorts {
  const { logger } = options;
  let page: WebFrameMain | undefined;
  let bridge: ServedBridge | undefined;
  let daemonPort: MainPort | undefined;
  let waiting: AppEvent[] = [];

  const hand = (frame: WebFrameMain, type: string): MainPort => {
    const { port1, port2 } = new MessageChannelMain();
    frame.postMessage(ipcChannels.port, type, [port2]);
    return port1;
  };
  const giveDaemonPort = async (frame: WebFrameMain) => {
    try {
      const channel = await openDaemonChannel(options.daemonSocket);
      if (page !== frame || daemonPort !== undefined) {
        channel.destroy();
        return;
      }
      const port = hand(frame, windowMessages.daemonPort);
      daemonPort = port;
      port.on('close', () => {
        if (daemonPort === port) daemonPort = undefined;
      });
      relay(port, channel, options.kubeconfigEnv, logger);
    } catch (error) {
      // The link to the daemon finds the same, and its recovery brings the page its port.
      logger.info('The page gets no port to the daemon yet', { error });
    }
  };
  const forget = () => {
    page = undefined;
    bridge?.close();
    bridge = undefined;
    daemonPort?.close();
    daemonPort = undefined;
  };

  ipcMain.on(ipcChannels.portsWanted, ({ senderFrame }) => {
    const own = options.window()?.webContents.mainFrame;
    if (senderFrame === null || !isOwnFrame(senderFrame, own)) {
      logger.warn('A foreign page asked for the app’s ports', { origin: senderFrame?.origin ?? 'none' });
      return;
    }
    forget();
    page = senderFrame;
    bridge = serveBridge(hand(senderFrame, windowMessages.bridgePort), options.bridgeHandlers, logger, () => undefined);
    for (const event of waiting) bridge.push(event);
    waiting = [];
    if (options.isDaemonThere()) void giveDaemonPort(senderFrame);
  });

  return {
    daemonCame() {
      if (page !== undefined && daemonPort === undefined) void giveDaemonPort(page);
    },
    push(event) {
      if (bridge === undefined) waiting = [...waiting, event].slice(-maxWaitingEvents);
      else bridge.push(event);
    },
    pageGone: forget,
  };
}

/** Whether a frame is the topmost one of the app's own window and shows one of the app's own pages. */
function isOwnFrame(frame: WebFrameMain, own: WebFrameMain | undefined): boolean {
  return (
    own !== undefined &&
    frame.parent === null &&
    frame.processId === own.processId &&
    frame.routingId === own.routingId &&
    isRendererUrl(frame.url)
  );
}
