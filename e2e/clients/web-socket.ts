// web-socket.ts URL HOLD-MS: a message, a long silence, a message.
import { setTimeout as sleep } from 'node:timers/promises';

const [url = '', holdMs] = process.argv.slice(2);
const socket = new WebSocket(url);
let isClosed = false;
socket.addEventListener('close', () => {
  isClosed = true;
});

async function echo(message: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 10_000);
    socket.addEventListener(
      'message',
      (event) => {
        clearTimeout(timer);
        resolve(event.data === message);
      },
      { once: true },
    );
    socket.send(message);
  });
}

await new Promise<void>((resolve, reject) => {
  socket.addEventListener('open', () => resolve());
  socket.addEventListener('error', () => reject(new Error('the WebSocket could not be opened')));
});
const before = await echo('before');
await sleep(Number(holdMs));
const after = !isClosed && (await echo('after'));
console.log(JSON.stringify({ before, after, isClosed }));
socket.close();
