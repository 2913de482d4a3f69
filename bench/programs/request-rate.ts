import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBuffered, type Dialogue, expectAnswer, type Target } from './exchange.ts';

export interface RequestRate {
  readonly perSecond: number;
  readonly failures: number;
}

/** Requests answered a second, with that many connections each of which has one request under way all the time. */
export async function requestRate(
  target: Target,
  dialogue: Dialogue,
  connections: number,
  warmUpMs: number,
  windowMs: number,
): Promise<RequestRate> {
  const request = Buffer.from(dialogue.request);
  let answers = 0;
  let failures = 0;
  let isOver = false;
  const sockets: net.Socket[] = [];
  for (let index = 0; index < connections; index += 1) {
    const answer = expectAnswer(dialogue.reply);
    const socket: net.Socket = connectBuffered(target, (chunk) => {
      const state = answer(chunk);
      if (state === 'partial') return;
      if (state === 'wrong') {
        socket.destroy(new Error('the answer is not the expected one'));
        return;
      }
      answers += 1;
      // Answered to the last one, so that nothing is torn down in the middle.
      if (isOver) socket.end();
      else socket.write(request);
    });
    socket.on('connect', () => socket.write(request));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!isOver) failures += 1;
    });
    sockets.push(socket);
  }
  await sleep(warmUpMs);
  const startedAt = performance.now();
  const before = answers;
  await sleep(windowMs);
  const perSecond = ((answers - before) * 1000) / (performance.now() - startedAt);
  isOver = true;
  await sleep(100);
  for (const socket of sockets) socket.destroy();
  return { perSecond, failures };
}
