import dgram from 'node:dgram';
import net, { type AddressInfo, type Socket } from 'node:net';
import { type Answer, decode, encode, type Packet, TRUNCATED_RESPONSE } from 'dns-packet';
import type { Nameserver } from './dns-exchange.ts';

/** What the server says to one question; `silent` says nothing. */
export type TestAnswer =
  | { readonly kind: 'answer'; readonly answers?: readonly Answer[]; readonly rcode?: number; readonly truncateUdp?: boolean }
  | { readonly kind: 'silent' };

/** For tests: a real name server on loopback, UDP and TCP on one port. */
export class TestDnsServer {
  readonly questions: { readonly name: string; readonly type: string; readonly over: 'udp' | 'tcp' }[] = [];
  readonly #answer: (name: string, type: string, nth: number) => TestAnswer;
  readonly #udp = dgram.createSocket('udp4');
  readonly #tcp = net.createServer((socket) => this.#serveTcp(socket));

  constructor(answer: (name: string, type: string, nth: number) => TestAnswer) {
    this.#answer = answer;
  }

  async start(): Promise<Nameserver> {
    await new Promise<void>((resolve) => this.#tcp.listen(0, '127.0.0.1', resolve));
    const { port } = this.#tcp.address() as AddressInfo;
    this.#udp.on('message', (message, peer) => {
      const response = this.#respond(message, 'udp');
      if (response !== undefined) this.#udp.send(response, peer.port, peer.address);
    });
    await new Promise<void>((resolve) => this.#udp.bind(port, '127.0.0.1', resolve));
    return { address: '127.0.0.1', port };
  }

  async stop(): Promise<void> {
    this.#udp.close();
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }

  #serveTcp(socket: Socket): void {
    socket.on('error', () => undefined);
    socket.once('data', (chunk: Buffer) => {
      const response = this.#respond(chunk.subarray(2), 'tcp');
      if (response === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(response.length, 0);
      // In two pieces, as a stream may bring it.
      socket.write(Buffer.concat([length, response.subarray(0, 5)]));
      setImmediate(() => socket.end(response.subarray(5)));
    });
  }

  #respond(message: Buffer, over: 'udp' | 'tcp'): Buffer | undefined {
    const query = decode(message);
    const question = query.questions?.[0];
    if (question === undefined) return undefined;
    this.questions.push({ name: question.name, type: question.type, over });
    const answer = this.#answer(question.name, question.type, this.questions.length);
    if (answer.kind === 'silent') return undefined;
    const isTruncated = over === 'udp' && answer.truncateUdp === true;
    const packet: Packet = {
      type: 'response',
      id: query.id ?? 0,
      flags: (answer.rcode ?? 0) | (isTruncated ? TRUNCATED_RESPONSE : 0),
      questions: [question],
      answers: isTruncated ? [] : [...(answer.answers ?? [])],
    };
    return encode(packet);
  }
}
