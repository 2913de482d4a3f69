import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { type Answer, type DecodedPacket, decode, encode, type Packet, type Question, type RecordType } from 'dns-packet';
import { silentLogger } from '#base/common/log.ts';
import { packAnswers } from '#net/dns/packed-records.ts';
import type { ClusterLookup } from './cluster-resolver.ts';
import { type DnsOptions, DnsServer } from './dns-server.ts';
import { frameMessage, MessageReader } from './tcp-framing.ts';

/** For tests: a cluster, a former resolver and an asker, on loopback with real sockets. */

const typeNumbers: Readonly<Record<number, RecordType>> = {
  1: 'A',
  5: 'CNAME',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
};

/** Answers by name (with final dot): records whatever their type for CNAME, of the asked type otherwise. */
export class FakeCluster implements ClusterLookup {
  readonly asked: string[] = [];
  readonly names: Map<string, readonly Answer[]>;
  /** Awaited before each answer. */
  before: (name: string, signal: AbortSignal) => Promise<void> = async () => undefined;

  constructor(records: readonly Answer[]) {
    this.names = Map.groupBy(records, (record) => `${record.name}.`);
  }

  async lookup(name: string, type: number, signal: AbortSignal): Promise<{ rcode: number; rrs: Buffer }> {
    const typeName = typeNumbers[type] ?? 'NULL';
    this.asked.push(`${name} ${typeName}`);
    await this.before(name, signal);
    const records = this.names.get(name);
    if (records === undefined) return { rcode: 3, rrs: Buffer.alloc(0) };
    return { rcode: 0, rrs: packAnswers(records.filter((record) => record.type === typeName || record.type === 'CNAME')) };
  }
}

export type Reply = Partial<Packet> | 'silent';

/** A small real DNS server on loopback, UDP and TCP on one port. */
export class FakeFormer implements AsyncDisposable {
  readonly asked: {
    readonly question: Question;
    readonly sourcePort: number;
    readonly transport: 'udp' | 'tcp';
    readonly bytes: Buffer;
  }[] = [];
  reply: (question: Question, transport: 'udp' | 'tcp') => Reply = () => ({ flags: 3 });
  readonly #tcp: Server = createServer((socket) => {
    const reader = new MessageReader();
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const message of reader.push(chunk)) {
        const response = this.#respond(message, socket.remotePort ?? 0, 'tcp');
        if (response !== undefined) socket.write(frameMessage(response));
      }
    });
  });
  readonly #udp: Socket = createSocket('udp4');

  async start(): Promise<this> {
    this.#tcp.listen(0, '127.0.0.1');
    await once(this.#tcp, 'listening');
    this.#udp.bind(this.port, '127.0.0.1');
    await once(this.#udp, 'listening');
    this.#udp.on('message', (message, from) => {
      const response = this.#respond(message, from.port, 'udp');
      if (response !== undefined) this.#udp.send(response, from.port, from.address);
    });
    return this;
  }

  get port(): number {
    const address = this.#tcp.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
  }

  #respond(bytes: Buffer, sourcePort: number, transport: 'udp' | 'tcp'): Buffer | undefined {
    const query = decode(bytes);
    const [question] = query.questions ?? [];
    if (question === undefined) return undefined;
    this.asked.push({ question, sourcePort, transport, bytes });
    const reply = this.reply(question, transport);
    if (reply === 'silent') return undefined;
    return encode({ type: 'response', questions: [question], flags: 0, ...reply, id: query.id });
  }
}

/** Ports that the tests of one run use for questions to former servers; below the ephemeral range of Linux. */
export const testPorts = { first: 21_300, last: 21_363 };

export async function startServer(options: Partial<DnsOptions>): Promise<DnsServer & AsyncDisposable> {
  const server = new DnsServer({
    listen: { address: '127.0.0.1', port: 0 },
    clusterDomain: 'cluster.local',
    connectedNamespace: 'dev',
    namespaces: () => new Set(['dev', 'other']),
    includeSuffixes: [],
    excludeSuffixes: ['.com'],
    excludes: [],
    mappings: [],
    lookupTimeoutMs: 300,
    serverAddress: '246.246.0.2',
    formerServers: [],
    exemptPorts: testPorts,
    search: [],
    logger: silentLogger,
    cluster: new FakeCluster([]),
    ...options,
  });
  await server.start();
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop() });
}

export interface AskOptions {
  readonly id?: number;
  readonly ednsBytes?: number;
}

export function queryBytes(name: string, type: RecordType | number = 'A', { id = 4711, ednsBytes }: AskOptions = {}): Buffer {
  const additionals: Answer[] =
    ednsBytes === undefined
      ? []
      : [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: ednsBytes,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ];
  const typeName = typeof type === 'number' ? (`UNKNOWN_${type}` as RecordType) : type;
  return encode({ type: 'query', id, flags: 0x100, questions: [{ name, type: typeName }], additionals });
}

/** One datagram there, one back. */
export async function exchangeUdp(server: DnsServer, message: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    const received = once(socket, 'message');
    const { address, port } = server.address() ?? { address: '', port: 0 };
    socket.send(message, port, address);
    const [response] = (await received) as [Buffer];
    return response;
  } finally {
    socket.close();
  }
}

export async function exchangeTcp(server: DnsServer, messages: readonly Buffer[]): Promise<Buffer[]> {
  const socket = connect(server.address()?.port ?? 0, server.address()?.address);
  const reader = new MessageReader();
  const responses: Buffer[] = [];
  socket.write(Buffer.concat(messages.map(frameMessage)));
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    responses.push(...reader.push(chunk));
    if (responses.length >= messages.length) break;
  }
  socket.destroy();
  return responses;
}

export type Asked = DecodedPacket & { readonly rcode: string };

export async function ask(
  server: DnsServer,
  name: string,
  type: RecordType | number = 'A',
  options: AskOptions = {},
): Promise<Asked> {
  return decode(await exchangeUdp(server, queryBytes(name, type, options))) as Asked;
}
