// many-connections.ts HOST PORT COUNT IDLE-MS: opens that many, leaves them idle, then sends on all of them and counts the echoes.
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [host = '', port, size, idle] = process.argv.slice(2);
const count = Number(size);
// Once: this is about connections.
const { address } = await lookup(host);
const stepMs = 30_000;

async function open(): Promise<net.Socket | undefined> {
  return await new Promise((resolve) => {
    const socket = net.connect({ host: address, port: Number(port) });
    const timer = setTimeout(() => resolve(undefined), stepMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.on('error', () => resolve(undefined));
  });
}

async function echoes(socket: net.Socket, message: string): Promise<boolean> {
  return await new Promise((resolve) => {
    let answer = '';
    const timer = setTimeout(() => resolve(false), stepMs);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (answer.length < message.length) return;
      clearTimeout(timer);
      resolve(answer === message);
    });
    socket.on('close', () => resolve(false));
    socket.write(message);
  });
}

// A few hundred at a time: more would overrun a listener's backlog anywhere.
const sockets: net.Socket[] = [];
while (sockets.length < count) {
  const batch = await Promise.all(Array.from({ length: Math.min(200, count - sockets.length) }, open));
  const opened = batch.filter((socket) => socket !== undefined);
  sockets.push(...opened);
  if (opened.length < batch.length) break;
}
await sleep(Number(idle));
const answered = await Promise.all(sockets.map(async (socket, index) => await echoes(socket, `message ${index}`.repeat(100))));
console.log(JSON.stringify({ opened: sockets.length, answered: answered.filter(Boolean).length }));
for (const socket of sockets) socket.destroy();
