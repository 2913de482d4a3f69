import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';

/** `former-resolver.ts listen-address answer`: the name server that the laptop had before; says `{}` when it listens. */
const [listenAddress = '', answer = ''] = process.argv.slice(2);
const socket = createSocket('udp4');
socket.on('message', (message, peer) => {
  const { id = 0, questions = [] } = decode(message);
  const answers = questions.map(({ name }) => ({ name, type: 'A' as const, data: answer }));
  socket.send(encode({ type: 'response', id, questions, answers }), peer.port, peer.address);
});
socket.bind(53, listenAddress, () => process.stdout.write('{}\n'));
