import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** A chunk of at least this much is a part of something larger, more of which is likely to come in the same turn of the event loop. */
const bulkBytes = 8 * 1024;

/** What one system call takes: more would not make a larger packet. */
const batchBytes = 64 * 1024;

/** Bytes that may wait for the socket before the source is held up. */
const maxWaitingBytes = 128 * 1024;

/**
 * Copies everything that comes out of a tunnel into a socket, with back-pressure, and ends the socket when the source has ended. Tunnels
 * deliver bulk data in pieces of at most 16 KiB, several in a turn: they are written together, which makes fewer system calls and, on
 * a laptop, fewer packets. Small pieces go out at once.
 */
export function pour(source: Readable, socket: Socket): void {
  let held = 0;
  const release = () => {
    if (held === 0) return;
    held = 0;
    socket.uncork();
  };
  source.on('data', (chunk: Buffer) => {
    if (held === 0 && chunk.length >= bulkBytes) {
      socket.cork();
      setImmediate(release);
    }
    socket.write(chunk);
    if (socket.writableCorked > 0) {
      held += chunk.length;
      if (held < batchBytes) return;
      release();
    }
    if (socket.writableLength > maxWaitingBytes) source.pause();
  });
  socket.on('drain', () => source.resume());
  source.once('end', () => {
    release();
    socket.end();
  });
}
