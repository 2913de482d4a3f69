import type { MessageChannel } from '#net/rpc/channel.ts';
import { portEnd } from '#protocol/app-bridge/ports.ts';

/** One JSON value per message over a port that main handed over. The other end takes messages as they come: nothing is buffered here. */
export function portChannel(port: MessagePort): MessageChannel {
  let isClosed = false;
  let onClosed: ((error: Error | undefined) => void) | undefined;
  const end = (error: Error | undefined) => {
    if (isClosed) return;
    isClosed = true;
    port.close();
    onClosed?.(error);
  };
  return {
    open(listener) {
      onClosed = (error) => listener.closed(error);
      port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        if (isClosed) return;
        if (isPortEnd(data)) end(undefined);
        else listener.message(data);
      });
      port.addEventListener('close', () => end(undefined));
      port.start();
    },
    send(message) {
      if (!isClosed) port.postMessage(message);
    },
    bufferedBytes: () => 0,
    close: () => end(undefined),
    destroy: end,
  };
}

function isPortEnd(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'closed' in data && data.closed === portEnd.closed;
}
