// udp-echo.ts HOST PORT COUNT BYTES: sends one datagram after the other and counts the equal ones that come back.
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';

const [host = '', port, count, bytes] = process.argv.slice(2);
const { address, family } = await lookup(host);
const socket = dgram.createSocket(family === 6 ? 'udp6' : 'udp4');
let equal = 0;
for (let turn = 0; turn < Number(count); turn += 1) {
  const message = randomBytes(Number(bytes));
  const answer = await new Promise<Buffer | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), 2_000);
    socket.once('message', (data) => {
      clearTimeout(timer);
      resolve(data);
    });
    socket.send(message, Number(port), address);
  });
  if (answer?.equals(message) === true) equal += 1;
}
socket.close();
console.log(JSON.stringify({ sent: Number(count), equal }));
