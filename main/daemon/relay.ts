import type { Logger } from '#base/common/log.ts';
import type { MessageChannel } from '#net/rpc/channel.ts';
import { portEnd } from '#protocol/app-bridge/ports.ts';
import { checkClientMessage } from './client-message.ts';

/** Main's end of a MessagePort, as far as it is used. */
export interface MainPort {
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  postMessage(message: unknown): void;
  start(): void;
  close(): void;
}

/**
 * Joins a page's port to a connection to the daemon: what the page says is checked, what the daemon says is passed on. Either's end is
 * the other's. The daemon greets the page itself, so that a page of another version is refused as any client.
 */
export function relay(port: MainPort, daemon: MessageChannel, kubeconfigEnv: string | undefined, logger: Logger): void {
  let isGreeted = false;
  let isOpen = true;
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    port.postMessage(portEnd);
    port.close();
    daemon.close();
  };
  daemon.open({
    message: (value) => {
      if (isOpen) port.postMessage(value);
    },
    closed: end,
  });
  port.on('message', ({ data }) => {
    if (!isOpen) return;
    const checked = checkClientMessage(data, isGreeted, kubeconfigEnv);
    if (checked.kind === 'violation') {
      logger.warn('A page broke the protocol', { reason: checked.reason });
      end();
      return;
    }
    if (checked.kind === 'refused') {
      port.postMessage({ id: checked.id, error: checked.error });
      return;
    }
    isGreeted = true;
    daemon.send(checked.message);
  });
  port.on('close', end);
  port.start();
}
