/** What the local API runs over: whole messages, in order, either way. A Unix socket, a WebSocket and a MessagePort can each be one. */
export interface MessageChannel {
  /** Called once, before anything is received. */
  open(listener: ChannelListener): void;
  /** Queues a JSON value. Ignored once the channel is closed. */
  send(message: unknown): void;
  /** Bytes that were sent and not yet taken by the transport. */
  bufferedBytes(): number;
  /** Ends the channel after what was sent before. */
  close(): void;
  /** Ends the channel now. */
  destroy(error?: Error): void;
}

export interface ChannelListener {
  message(value: unknown): void;
  /** Last event of a channel, exactly once; `error` where it did not end in order. */
  closed(error: Error | undefined): void;
}
