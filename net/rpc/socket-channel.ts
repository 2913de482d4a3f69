import type { Socket } from 'node:net';
import { maxMessageBytes } from '#protocol/local-api/messages.ts';
import type { ChannelListener, MessageChannel } from './channel.ts';

const newline = 0x0a;

/** One JSON value per line over a stream socket. A line above `maxMessageBytes` or one that is not JSON destroys the socket. */
export function socketChannel(socket: Socket): MessageChannel {
  let failure: Error | undefined;
  const destroy = (error?: Error) => {
    failure ??= error;
    socket.destroy();
  };
  return {
    open(listener) {
      socket.on('data', lineReader(listener, destroy));
      socket.on('error', (error) => {
        failure ??= error;
      });
      // Half-open is of no use to either end: a peer that stopped writing has left.
      socket.on('end', () => socket.end());
      socket.on('close', () => listener.closed(failure));
    },
    send(message) {
      if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
    },
    bufferedBytes: () => socket.writableLength,
    close: () => socket.end(),
    destroy,
  };
}

function lineReader(listener: ChannelListener, destroy: (error: Error) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let pendingBytes = 0;
  let isBroken = false;
  const fail = (message: string) => {
    isBroken = true;
    parts = [];
    destroy(new Error(message));
  };
  return (chunk) => {
    let start = 0;
    while (!isBroken) {
      const end = chunk.indexOf(newline, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      pendingBytes += part.length;
      if (pendingBytes > maxMessageBytes) return fail(`a message is longer than ${maxMessageBytes} bytes`);
      if (end === -1) {
        if (part.length > 0) parts.push(part);
        return;
      }
      const line = parts.length === 0 ? part : Buffer.concat([...parts, part]);
      parts = [];
      pendingBytes = 0;
      start = end + 1;
      let value: unknown;
      try {
        value = JSON.parse(line.toString('utf8'));
      } catch {
        return fail('a message is not JSON');
      }
      listener.message(value);
    }
  };
}
