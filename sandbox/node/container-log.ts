import { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { LogOptions } from './node-api.ts';

/** What a container wrote since it started, in the order of its arrival; the oldest is forgotten first. */
export interface ContainerLog {
  attach(output: NodeJS.ReadableStream, isHidden?: (line: string) => boolean): void;
  append(line: string): void;
  read(options: LogOptions): Readable;
  /** The last lines, for messages that say why a container ended. */
  tail(maxBytes: number): string;
  /** Nothing more will come. */
  close(): void;
  /** Hears of each line from now on. Returns the way to end it. */
  onLine(listener: (line: LogLine) => void, closed: () => void): () => void;
}

export interface LogLine {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly text: string;
}

const maxLogBytes = 4 << 20;
const maxLineBytes = 16 << 10;

export function createContainerLog(): ContainerLog {
  const lines: LogLine[] = [];
  const listeners = new Set<{ readonly line: (line: LogLine) => void; readonly closed: () => void }>();
  let bytes = 0;
  let isClosed = false;
  const append = (text: string) => {
    const line = { time: BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n, text };
    lines.push(line);
    bytes += text.length;
    while (bytes > maxLogBytes) bytes -= lines.shift()?.text.length ?? 0;
    for (const listener of listeners) listener.line(line);
  };
  const log: ContainerLog = {
    append,
    attach: (output, isHidden = () => false) => {
      const decoder = new StringDecoder('utf8');
      let rest = '';
      output.on('data', (chunk: Buffer) => {
        const parts = (rest + decoder.write(chunk)).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) if (!isHidden(part)) append(part);
        if (rest.length > maxLineBytes) {
          append(rest);
          rest = '';
        }
      });
      output.on('close', () => {
        if (rest !== '') append(rest);
        rest = '';
      });
    },
    read: (options) => readLog(log, lines, isClosed, options),
    tail: (maxBytes) =>
      lines
        .slice(-80)
        .map(({ text }) => `${text}\n`)
        .join('')
        .slice(-maxBytes),
    close: () => {
      isClosed = true;
      for (const listener of listeners) listener.closed();
      listeners.clear();
    },
    onLine: (line, closed) => {
      const listener = { line, closed };
      if (isClosed) closed();
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return log;
}

function readLog(log: ContainerLog, lines: readonly LogLine[], isClosed: boolean, options: LogOptions): Readable {
  const { isFollowed, tailLines, limitBytes, since, hasTimestamps } = options;
  const from = since === undefined ? 0n : BigInt(since.getTime()) * 1_000_000n;
  const render = ({ time, text }: LogLine) => Buffer.from(`${hasTimestamps ? `${formatTime(time)} ` : ''}${text}\n`);
  const recent = lines.filter(({ time }) => time >= from);
  const kept = tailLines === undefined ? recent : tailLines === 0 ? [] : recent.slice(-tailLines);
  let left = limitBytes ?? Number.POSITIVE_INFINITY;
  const stream = new Readable({ read: () => undefined });
  const push = (data: Buffer) => {
    stream.push(data.length <= left ? data : data.subarray(0, left));
    left -= data.length;
    if (left <= 0) stream.push(null);
    return left > 0;
  };
  if (kept.length > 0 && !push(Buffer.concat(kept.map(render)))) return stream;
  if (left <= 0 || !isFollowed || isClosed) {
    stream.push(null);
    return stream;
  }
  const end = log.onLine(
    (line) => {
      if (!push(render(line))) end();
    },
    () => stream.push(null),
  );
  stream.once('close', end);
  return stream;
}

function formatTime(time: bigint): string {
  const seconds = new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(time % 1_000_000_000n).padStart(9, '0')}Z`;
}
