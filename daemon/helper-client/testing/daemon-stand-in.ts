import { createSocket } from 'node:dgram';
import { closeSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet';
import { AppError } from '#protocol/errors/app-error.ts';
import type { HelperCall, HelperInput } from '#protocol/helper/helper-api.ts';
import { HelperClient } from '../helper-client.ts';

/**
 * A daemon reduced to its use of the helper: reads one JSON command per line from standard input and answers each with one line,
 * so that a test can run it as another user, inside a network namespace, and kill it.
 */
let client: HelperClient | undefined;
let descriptors: readonly number[] = [];

for await (const line of createInterface({ input: process.stdin })) {
  const { command, argument, input } = JSON.parse(line) as { command: string; argument: string; input: unknown };
  try {
    print({ output: (await run(command, argument, input)) ?? null });
  } catch (error) {
    print({ error: AppError.from(error).toData() });
  }
}
process.exit();

async function run(command: string, argument: string, input: unknown): Promise<unknown> {
  switch (command) {
    case 'connect':
      client = await HelperClient.connect(argument);
      void client.closed.then(() => print({ event: 'closed' }));
      return;
    case 'call':
      return await connected().call(argument as HelperCall, input as HelperInput<HelperCall>);
    case 'claim':
      descriptors = await connected().claim(argument);
      return descriptors.length;
    case 'close':
      return await connected().close();
    case 'close-descriptors':
      for (const descriptor of descriptors) closeSync(descriptor);
      return;
    case 'answer-dns':
      return answerDns(argument);
    case 'read-packet':
      return await readPacket();
    default:
      throw new Error(`No command ${command}`);
  }
}

function connected(): HelperClient {
  if (client === undefined) throw new Error('Not connected');
  return client;
}

/** Answers every question that comes through the handed-over sockets with the address. */
function answerDns(address: string): void {
  const udp = createSocket('udp4');
  udp.on('message', (message, peer) => udp.send(encode(answerTo(decode(message), address)), peer.port, peer.address));
  udp.bind({ fd: descriptors[1] ?? -1 });
  const tcp = createServer((socket) => {
    socket.once('data', (data) => socket.end(streamEncode(answerTo(streamDecode(data), address))));
  });
  tcp.listen({ fd: descriptors[2] ?? -1 });
}

function answerTo(query: Packet, address: string): Packet {
  const questions = query.questions ?? [];
  const answers = questions.filter(({ type }) => type === 'A').map(({ name }) => ({ name, type: 'A' as const, data: address }));
  return { type: 'response', id: query.id ?? 0, flags: 0x180, questions, answers };
}

/** The destination of the next IPv4 packet that the kernel sends into the device. */
async function readPacket(): Promise<string> {
  const packet = Buffer.alloc(65_535);
  for (;;) {
    try {
      const length = readSync(descriptors[0] ?? -1, packet);
      if (length >= 20 && packet.readUInt8(0) >> 4 === 4) return [...packet.subarray(16, 20)].join('.');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await delay(10);
    }
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
