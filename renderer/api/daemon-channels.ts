import type { MessageChannel } from '#net/rpc/channel.ts';
import { webSocketChannel, webSocketProtocol, webSocketTokenPrefix } from '#net/rpc/web-socket-channel.ts';
import { windowMessages } from '#protocol/app-bridge/ports.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { portChannel } from './port-channel.ts';
import { takeToken } from './ui-token.ts';

/** Where the page gets its way to the daemon from. */
export interface DaemonChannels {
  /** Resolves to a fresh channel as soon as there is one. */
  open(signal: AbortSignal): Promise<MessageChannel>;
}

/** A browser has the page from the daemon itself, on the loopback, and a WebSocket to its origin; in the app, main hands ports over. */
export function daemonChannels(): DaemonChannels {
  return ['127.0.0.1', 'localhost'].includes(location.hostname) ? webSocketChannels() : portChannels();
}

function webSocketChannels(): DaemonChannels {
  const token = takeToken();
  return {
    async open(signal) {
      if (token === undefined) throw missingToken();
      const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api`, [
        webSocketProtocol,
        `${webSocketTokenPrefix}${token}`,
      ]);
      const opened = Promise.withResolvers<void>();
      const listening = new AbortController();
      const once = { signal: listening.signal };
      socket.addEventListener('open', () => opened.resolve(), once);
      socket.addEventListener('close', () => opened.reject(unreachable()), once);
      signal.addEventListener('abort', () => opened.reject(AppError.from(signal.reason)), once);
      try {
        await opened.promise;
      } catch (error) {
        socket.close();
        throw error;
      } finally {
        listening.abort();
      }
      return webSocketChannel(socket);
    },
  };
}

function portChannels(): DaemonChannels {
  let latest: MessagePort | undefined;
  let wake = Promise.withResolvers<void>();
  window.addEventListener('message', ({ source, data, ports }: MessageEvent<unknown>) => {
    const [port] = ports;
    if (source !== window || port === undefined || !isMessage(data, windowMessages.daemonPort)) return;
    latest = port;
    wake.resolve();
    wake = Promise.withResolvers<void>();
  });
  window.postMessage({ type: windowMessages.request }, location.origin === 'null' ? '*' : location.origin);
  return {
    async open(signal) {
      const aborted = new Promise<never>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(AppError.from(signal.reason)), { once: true }),
      );
      while (latest === undefined) await Promise.race([wake.promise, aborted]);
      const port = latest;
      latest = undefined;
      return portChannel(port);
    },
  };
}

/** Whether a message of this window is the one of that type. */
export function isMessage(data: unknown, type: string): boolean {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === type;
}

function missingToken(): AppError {
  return new AppError({
    code: 'daemon.lost',
    message: 'This page has no access to the daemon',
    reason: 'Its address is good for one browser and one tab',
    remedies: [{ label: 'Open the window again', command: 'telepresence ui' }],
  });
}

function unreachable(): AppError {
  return new AppError({
    code: 'daemon.lost',
    message: 'The daemon does not answer',
    reason: 'It has ended, or it no longer knows this page',
    remedies: [{ label: 'Open the window again', command: 'telepresence ui' }],
  });
}
