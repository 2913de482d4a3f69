import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet';

/** `dns-query.ts udp|tcp server [source-port]`: asks for the A record of a name and prints the address, or why there is none. */
const [protocol = 'udp', server = '', sourcePort = '0'] = process.argv.slice(2);
const timeoutMs = 2_000;
const query: Packet = { type: 'query', id: 7, flags: 0x100, questions: [{ name: 'api.example', type: 'A' }] };

setTimeout(() => finish('timeout'), timeoutMs);
if (protocol === 'udp') {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', (error) => finish(code(error)));
  socket.on('message', (message) => finish(addressIn(decode(message))));
  socket.bind(Number(sourcePort), () => {
    socket.connect(53, server, () => socket.send(encode(query)));
  });
} else {
  const socket = connect({ host: server, port: 53, localPort: Number(sourcePort) });
  socket.on('error', (error) => finish(code(error)));
  socket.on('connect', () => socket.write(streamEncode(query)));
  socket.on('data', (data) => finish(addressIn(streamDecode(data))));
}

function addressIn(answer: Packet): string {
  const [first] = answer.answers ?? [];
  return first?.type === 'A' ? first.data : 'none';
}

function code(error: Error): string {
  return 'code' in error ? String(error.code) : error.message;
}

function finish(text: string): never {
  process.stdout.write(text);
  process.exit();
}
