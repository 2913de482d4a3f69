import net from 'node:net';
import { quantile } from './statistics.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A message, and the answer to it byte by byte. */
export interface Dialogue {
  readonly request: string;
  readonly reply: string;
}

export interface Latency {
  /** Of those that were answered; absent where none was. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly count: number;
  readonly failures: number;
}

/** One after the other on one connection, until `count` or `maxMs`; the first tenth warms up and does not count. */
export async function roundTrips(target: Target, dialogue: Dialogue, count: number, maxMs: number): Promise<Latency> {
  const request = Buffer.from(dialogue.request);
  const end = performance.now() + maxMs;
  const times: number[] = [];
  await new Promise<void>((resolve, reject) => {
    const answer = expectAnswer(dialogue.reply);
    let sentAt = 0;
    const socket: net.Socket = connectBuffered(target, (chunk) => {
      const state = answer(chunk);
      if (state === 'partial') return;
      if (state === 'wrong') {
        socket.destroy();
        reject(new Error('the answer is not the expected one'));
        return;
      }
      const now = performance.now();
      times.push(now - sentAt);
      if (times.length >= count || now >= end) {
        socket.end();
        resolve();
        return;
      }
      sentAt = performance.now();
      socket.write(request);
    });
    socket.on('connect', () => {
      sentAt = performance.now();
      socket.write(request);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed')));
  });
  return latency(times.slice(Math.floor(times.length / 10)), 0);
}

/** A new connection for each exchange, one after the other. */
export async function newConnections(target: Target, dialogue: Dialogue, count: number, maxMs: number): Promise<Latency> {
  const end = performance.now() + maxMs;
  const times: number[] = [];
  let failures = 0;
  while (times.length + failures < count && performance.now() < end) {
    const ms = await exchangeOnce(target, dialogue);
    if (ms === undefined) failures += 1;
    else times.push(ms);
  }
  return latency(times, failures);
}

/** New connections at a given rate, whether or not those before are answered. */
export async function connectionRate(
  target: Target,
  dialogue: Dialogue,
  perSecond: number,
  durationMs: number,
): Promise<Latency> {
  const startedAt = performance.now();
  const under: Promise<number | undefined>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = Math.min(performance.now() - startedAt, durationMs);
      while (under.length < (elapsedMs / 1000) * perSecond) under.push(exchangeOnce(target, dialogue));
      if (elapsedMs < durationMs) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  const all = await Promise.all(under);
  const times = all.filter((ms) => ms !== undefined);
  return latency(times, all.length - times.length);
}

export function latency(times: readonly number[], failures: number): Latency {
  const count = times.length + failures;
  // JSON has no NaN.
  if (times.length === 0) return { count, failures };
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), count, failures };
}

const exchangeTimeoutMs = 5_000;

/** Milliseconds from connect() to the whole answer; undefined where that did not come. */
export async function exchangeOnce(target: Target, dialogue: Dialogue): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const startedAt = performance.now();
    const socket = net.connect({ ...target, noDelay: true });
    const answer = expectAnswer(dialogue.reply);
    const timer = setTimeout(() => socket.destroy(), exchangeTimeoutMs);
    socket.on('connect', () => socket.write(dialogue.request));
    socket.on('data', (chunk: Buffer) => {
      const state = answer(chunk);
      if (state === 'partial') return;
      resolve(state === 'whole' ? performance.now() - startedAt : undefined);
      socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

/** Judges chunks: the answer is still partial, whole (and the next one begins), or wrong. */
export function expectAnswer(reply: string): (chunk: Buffer) => 'partial' | 'whole' | 'wrong' {
  const expected = Buffer.from(reply);
  let received = 0;
  return (chunk) => {
    const end = received + chunk.length;
    if (end > expected.length || expected.compare(chunk, 0, chunk.length, received, end) !== 0) return 'wrong';
    received = end === expected.length ? 0 : end;
    return received === 0 ? 'whole' : 'partial';
  };
}

/** A connection that reads into one buffer of its own for all of its life. */
export function connectBuffered(target: Target, read: (chunk: Buffer) => void, bufferBytes = 4096): net.Socket {
  const buffer = Buffer.allocUnsafe(bufferBytes);
  return net.connect({
    ...target,
    noDelay: true,
    onread: {
      buffer,
      callback: (bytes) => {
        read(buffer.subarray(0, bytes));
        return true;
      },
    },
  });
}
