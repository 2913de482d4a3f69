// half-close.ts HOST ECHO-PORT SERVER-FIRST-PORT TOKEN: each end says goodbye first in turn, and the other goes on sending.
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';

const [host = '', echoPort, serverFirstPort, token = ''] = process.argv.slice(2);

// The laptop ends first: the echo of all of it still comes.
const first = net.connect({ host, port: Number(echoPort), allowHalfOpen: true });
const echo = text(first);
first.end(token);
const echoed = await echo;

// The cluster ends first: what is sent after that still arrives.
const second = net.connect({ host, port: Number(serverFirstPort), allowHalfOpen: true });
const greeting = await text(second);
second.end(token);
await once(second, 'close');
console.log(JSON.stringify({ echoed, greeting }));
