// connect.ts HOST PORT [TIMEOUT-MS]: how a TCP connection ends and how long that took.
import net from 'node:net';

const [host, port, timeout] = process.argv.slice(2);
const startedAt = performance.now();
const socket = net.connect({ host: host ?? '', port: Number(port) });
const report = (outcome: string) => {
  console.log(JSON.stringify({ outcome, ms: Math.round(performance.now() - startedAt) }));
  process.exit(0);
};
socket.on('connect', () => report('connected'));
socket.on('error', (error: NodeJS.ErrnoException) => report(error.code ?? error.message));
setTimeout(() => report('nothing'), Number(timeout ?? 5000));
