import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectAnswer, type Target } from './exchange.ts';

const stepMs = 15_000;
/** More at a time would overrun a listener's backlog anywhere. */
const batchSize = 100;

let held: net.Socket[] = [];

/** Opens that many connections and keeps them; returns how many there are. */
export async function openIdle(target: Target, count: number): Promise<number> {
  held = [];
  while (held.length < count) {
    const wanted = Math.min(batchSize, count - held.length);
    const batch = await Promise.all(Array.from({ length: wanted }, async () => await open(target)));
    const opened = batch.filter((socket) => socket !== undefined);
    held.push(...opened);
    if (opened.length < wanted) break;
  }
  return held.length;
}

/** Sends on every connection that is held and returns how many echo. */
export async function echoIdle(): Promise<number> {
  let working = 0;
  for (let start = 0; start < held.length; start += batchSize) {
    const answers = await Promise.all(held.slice(start, start + batchSize).map(echoes));
    working += answers.filter(Boolean).length;
    // Nothing more comes where a whole batch is silent.
    if (!answers.some(Boolean)) break;
  }
  return working;
}

export async function closeIdle(): Promise<void> {
  for (const socket of held) socket.end();
  await sleep(500);
  for (const socket of held) socket.destroy();
  held = [];
}

export interface SourcePortResult {
  /** How many were tried. */
  readonly count: number;
  readonly failures: number;
}

const sourcePortTimeoutMs = 1_500;
const enoughFailures = 8;

/** Connects from one source port again and again to a server that closes first. Gives up after a few failures: each takes long. */
export async function sameSourcePort(target: Target, times: number, greeting: string): Promise<SourcePortResult> {
  const probe = net.createServer().listen(0);
  await once(probe, 'listening');
  const localPort = (probe.address() as net.AddressInfo).port;
  probe.close();
  await once(probe, 'close');
  let count = 0;
  let failures = 0;
  while (count < times && failures < enoughFailures) {
    count += 1;
    if (!(await greets(target, localPort, greeting))) failures += 1;
    await sleep(2);
  }
  return { count, failures };
}

async function greets(target: Target, localPort: number, greeting: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect({ ...target, localPort });
    const answer = expectAnswer(greeting);
    let isGreeted = false;
    const timer = setTimeout(() => socket.destroy(), sourcePortTimeoutMs);
    socket.on('data', (chunk: Buffer) => {
      isGreeted = answer(chunk) === 'whole';
    });
    socket.on('error', () => {
      isGreeted = false;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(isGreeted);
    });
  });
}

async function open(target: Target): Promise<net.Socket | undefined> {
  return await new Promise((resolve) => {
    const socket = net.connect({ ...target, noDelay: true });
    const timer = setTimeout(() => {
      resolve(undefined);
      socket.destroy();
    }, stepMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.on('error', () => resolve(undefined));
  });
}

async function echoes(socket: net.Socket): Promise<boolean> {
  return await new Promise((resolve) => {
    const answer = expectAnswer('still there');
    const timer = setTimeout(() => resolve(false), stepMs);
    const settle = (isEchoed: boolean) => {
      clearTimeout(timer);
      resolve(isEchoed);
    };
    socket.on('data', (chunk: Buffer) => {
      const state = answer(chunk);
      if (state !== 'partial') settle(state === 'whole');
    });
    socket.on('close', () => settle(false));
    if (socket.closed) settle(false);
    else socket.write('still there');
  });
}
