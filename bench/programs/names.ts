import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import dns from 'dns-packet';
import { type Dialogue, exchangeOnce, type Latency, latency } from './exchange.ts';

const answerTimeoutMs = 2_000;

/** Asks for the A records of the names one after the other, `server` or the one of /etc/resolv.conf. */
export async function askNames(names: readonly string[], server: string | undefined): Promise<Latency> {
  const host = server ?? /^nameserver\s+(\S+)/m.exec(await readFile('/etc/resolv.conf', 'utf8'))?.[1] ?? '127.0.0.1';
  const socket = dgram.createSocket('udp4');
  // Connected once: otherwise each send would look the address up.
  await new Promise<void>((resolve) => socket.connect(53, host, resolve));
  const times: number[] = [];
  let failures = 0;
  try {
    for (const name of names) {
      const ms = await ask(socket, name);
      if (ms === undefined) failures += 1;
      else times.push(ms);
    }
  } finally {
    socket.close();
  }
  return latency(times, failures);
}

async function ask(socket: dgram.Socket, name: string): Promise<number | undefined> {
  const id = randomInt(65_536);
  const query = dns.encode({ type: 'query', id, flags: dns.RECURSION_DESIRED, questions: [{ type: 'A', name, class: 'IN' }] });
  return await new Promise((resolve) => {
    const finish = (ms: number | undefined) => {
      clearTimeout(timer);
      socket.off('message', receive);
      socket.off('error', fail);
      resolve(ms);
    };
    const timer = setTimeout(() => finish(undefined), answerTimeoutMs);
    const fail = () => finish(undefined);
    const receive = (message: Buffer) => {
      if (message.readUInt16BE(0) !== id) return;
      const ms = performance.now() - startedAt;
      const hasAnswer = (message.readUInt16BE(2) & 0xf) === 0 && message.readUInt16BE(6) > 0;
      finish(hasAnswer ? ms : undefined);
    };
    socket.on('message', receive);
    socket.on('error', fail);
    const startedAt = performance.now();
    socket.send(query);
  });
}

export interface FirstRequest {
  /** More than one: it was said to be ready before it was. */
  readonly attempts: number;
  readonly address: string;
}

/** Tries until the name resolves and the request is answered. */
export async function firstRequest(name: string, port: number, dialogue: Dialogue, maxMs: number): Promise<FirstRequest> {
  const end = performance.now() + maxMs;
  for (let attempts = 1; ; attempts += 1) {
    try {
      const { address } = await lookup(name, { family: 4 });
      if ((await exchangeOnce({ host: address, port }, dialogue)) !== undefined) return { attempts, address };
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    if (performance.now() >= end) throw new Error(`${name} did not answer within ${maxMs} ms`);
    await sleep(10);
  }
}
