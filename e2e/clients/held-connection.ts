// held-connection.ts HOST PORT: keeps one connection and echoes a line a second on it, reporting each turn and how it ended.
import net from 'node:net';

const [host = '', port] = process.argv.slice(2);
const socket = net.connect({ host, port: Number(port) });
let turn = 0;
socket.on('connect', () => {
  console.log(JSON.stringify({ state: 'connected' }));
  setInterval(() => {
    turn += 1;
    socket.write(`turn ${turn}\n`);
  }, 1000);
});
socket.on('data', (chunk: Buffer) => console.log(JSON.stringify({ state: 'echo', text: chunk.toString().trim() })));
socket.on('error', (error: NodeJS.ErrnoException) => console.log(JSON.stringify({ state: 'error', code: error.code })));
socket.on('close', () => {
  console.log(JSON.stringify({ state: 'closed' }));
  process.exit(0);
});
