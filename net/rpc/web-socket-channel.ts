import { maxMessageBytes } from '#protocol/local-api/messages.ts';
import type { MessageChannel } from './channel.ts';

/** Subprotocol of the local API; the version handshake within it is the messages' own. */
export const webSocketProtocol = 'telepresence.v1';

/** Prefix of the subprotocol that carries the token: the one header that a page can set on a WebSocket. */
export const webSocketTokenPrefix = 'token.';

/** What a WebSocket of a browser, of Node and of the package `ws` have in common. */
export interface WebSocketLike {
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Ends it without waiting for the peer; browsers have none. */
  terminate?(): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
}

const openState = 1;

/** Close codes that are no failure (RFC 6455 section 7.4.1): normal, going away, and none given. */
const orderlyCodes: readonly number[] = [1000, 1001, 1005];

/** What a browser closes with, for it may use no other range (section 7.4.2). */
const brokenCode = 4000;

/**
 * One JSON value per text message over a WebSocket that is open already. A message that is not text, not JSON or longer than
 * `maxMessageBytes` ends it.
 */
export function webSocketChannel(socket: WebSocketLike): MessageChannel {
  let failure: Error | undefined;
  let isDestroyed = false;
  const destroy = (error?: Error) => {
    failure ??= error;
    isDestroyed = true;
    if (socket.terminate === undefined) socket.close(brokenCode, error?.message.slice(0, 100));
    else socket.terminate();
  };
  return {
    open(listener) {
      socket.addEventListener('message', ({ data }) => {
        if (isDestroyed) return;
        if (typeof data !== 'string') return destroy(new Error('a message is not text'));
        if (data.length > maxMessageBytes) return destroy(new Error(`a message is longer than ${maxMessageBytes} bytes`));
        let value: unknown;
        try {
          value = JSON.parse(data);
        } catch {
          return destroy(new Error('a message is not JSON'));
        }
        listener.message(value);
      });
      socket.addEventListener('error', ({ message }) => {
        failure ??= new Error(message ?? 'the WebSocket failed');
      });
      socket.addEventListener('close', ({ code, reason }) => {
        if (!orderlyCodes.includes(code))
          failure ??= new Error(reason === '' ? `the WebSocket closed with code ${code}` : reason);
        listener.closed(failure);
      });
    },
    send(message) {
      if (socket.readyState === openState) socket.send(JSON.stringify(message));
    },
    bufferedBytes: () => socket.bufferedAmount,
    close: () => socket.close(1000),
    destroy,
  };
}
