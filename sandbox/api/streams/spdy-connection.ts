import type { Duplex } from 'node:stream';
import { constants, createInflate } from 'node:zlib';
import {
  controlFrame,
  controlType,
  dataHeader,
  type FrameHeader,
  flagFin,
  frameHeaderBytes,
  readFrameHeader,
  synStream,
} from '#net/port-forward/spdy-frames.ts';
import { spdyDictionary } from './spdy-dictionary.ts';

/** One stream that a client opened. Paused by whoever reads too slowly, for there are no windows: all streams wait together. */
export interface SpdyStream {
  readonly id: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Returns false where the client reads too slowly; `onDrain` says when it has caught up. */
  write(bytes: Buffer): boolean;
  end(): void;
  /** Set once, at the call of `onStream`. */
  onData(listener: (bytes: Buffer) => void): void;
  onEnd(listener: () => void): void;
}

export interface SpdyConnectionOptions {
  readonly socket: Duplex;
  readonly onStream: (stream: SpdyStream) => void;
}

export interface SpdyConnection {
  onDrain(listener: () => void): void;
  pause(): void;
  resume(): void;
  destroy(): void;
}

/** The server's side of SPDY/3.1, as far as kubectl and this product speak it for port-forwards. */
export function serveSpdy({ socket, onStream }: SpdyConnectionOptions): SpdyConnection {
  const streams = new Map<number, { onData: (bytes: Buffer) => void; onEnd: () => void }>();
  const readHeaders = headerReader();
  let isFirstReply = true;
  let isPaused = false;
  let wake: () => void = () => undefined;

  function reply(id: number): void {
    // The block of a reply begins where that of SYN_STREAM does, two fields less.
    const frame = synStream(id, {}, { isFirst: isFirstReply });
    isFirstReply = false;
    const payload = Buffer.concat([
      frame.subarray(frameHeaderBytes, frameHeaderBytes + 4),
      frame.subarray(frameHeaderBytes + 10),
    ]);
    socket.write(controlFrame(controlType.synReply, 0, payload));
  }

  async function control(frame: FrameHeader & { readonly kind: 'control' }, payload: Buffer): Promise<void> {
    switch (frame.type) {
      case controlType.synStream: {
        const id = payload.readUInt32BE(0) & 0x7fff_ffff;
        const headers = await readHeaders(payload.subarray(10));
        const handlers = { onData: (_bytes: Buffer) => {}, onEnd: () => {} };
        streams.set(id, handlers);
        reply(id);
        onStream({
          id,
          headers,
          write: (bytes) => {
            if (socket.destroyed) return true;
            socket.cork();
            socket.write(dataHeader(id, bytes.length));
            const hasRoom = socket.write(bytes);
            socket.uncork();
            return hasRoom;
          },
          end: () => void (socket.destroyed || socket.write(dataHeader(id, 0, flagFin))),
          onData: (listener) => void (handlers.onData = listener),
          onEnd: (listener) => void (handlers.onEnd = listener),
        });
        if ((frame.flags & flagFin) !== 0) handlers.onEnd();
        return;
      }
      case controlType.ping:
        if (payload.length === 4 && payload.readUInt32BE(0) % 2 === 1) socket.write(controlFrame(controlType.ping, 0, payload));
        return;
      case controlType.rstStream:
        streams.get(payload.readUInt32BE(0))?.onEnd();
        return;
      case controlType.goAway:
        return;
      default:
        return;
    }
  }

  async function run(): Promise<void> {
    const reader = byteReader(socket);
    for (;;) {
      while (isPaused) await new Promise<void>((resolve) => (wake = resolve));
      const header = await reader.take(frameHeaderBytes);
      if (header === undefined) return;
      const frame = readFrameHeader(header);
      if (frame.kind === 'control') {
        const payload = await reader.take(frame.length);
        if (payload === undefined) return;
        await control(frame, payload);
        continue;
      }
      for (let left = frame.length; left > 0; ) {
        const part = await reader.takeUpTo(left);
        if (part === undefined) return;
        left -= part.length;
        streams.get(frame.streamId)?.onData(part);
      }
      if ((frame.flags & flagFin) !== 0) streams.get(frame.streamId)?.onEnd();
    }
  }

  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    isPaused = false;
    wake();
    for (const { onEnd } of streams.values()) onEnd();
  });
  void run().then(
    () => socket.destroy(),
    (error: unknown) => socket.destroy(error as Error),
  );
  return {
    onDrain: (listener) => void socket.on('drain', listener),
    pause: () => void (isPaused = true),
    resume: () => {
      isPaused = false;
      wake();
    },
    destroy: () => void socket.destroy(),
  };
}

/** The header blocks of a connection are one zlib stream. */
function headerReader(): (block: Buffer) => Promise<Readonly<Record<string, string>>> {
  const inflate = createInflate({
    dictionary: spdyDictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
    flush: constants.Z_SYNC_FLUSH,
  });
  return async (block) => {
    const chunks: Buffer[] = [];
    const collect = (chunk: Buffer) => chunks.push(chunk);
    inflate.on('data', collect);
    await new Promise<void>((resolve, reject) => {
      inflate.once('error', reject);
      inflate.write(block, () => {
        inflate.off('error', reject);
        resolve();
      });
    });
    inflate.off('data', collect);
    return parseHeaders(Buffer.concat(chunks));
  };
}

function parseHeaders(block: Buffer): Readonly<Record<string, string>> {
  let at = 0;
  const text = () => {
    const length = block.readUInt32BE(at);
    at += 4 + length;
    return block.toString('utf8', at - length, at);
  };
  const count = block.readUInt32BE(0);
  at = 4;
  const entries: [string, string][] = [];
  for (let index = 0; index < count; index += 1) entries.push([text().toLowerCase(), text()]);
  return Object.fromEntries(entries);
}

/** Exact counts of bytes from a stream, without reading ahead of what is asked for by more than its buffer. */
function byteReader(socket: Duplex) {
  let rest: Buffer = Buffer.alloc(0);
  const readMore = async (): Promise<boolean> => {
    for (;;) {
      const chunk = socket.read() as Buffer | null;
      if (chunk !== null) {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        return true;
      }
      if (socket.readableEnded || socket.destroyed) return false;
      await new Promise<void>((resolve) => {
        const done = () => {
          for (const event of ['readable', 'end', 'close']) socket.off(event, done);
          resolve();
        };
        for (const event of ['readable', 'end', 'close']) socket.on(event, done);
      });
    }
  };
  const cut = (count: number) => {
    const part = rest.subarray(0, count);
    rest = rest.subarray(count);
    return part;
  };
  return {
    take: async (count: number): Promise<Buffer | undefined> => {
      while (rest.length < count) if (!(await readMore())) return undefined;
      return cut(count);
    },
    takeUpTo: async (count: number): Promise<Buffer | undefined> => {
      while (rest.length === 0) if (!(await readMore())) return undefined;
      return cut(Math.min(count, rest.length));
    },
  };
}
