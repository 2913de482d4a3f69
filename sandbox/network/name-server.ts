import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import type { Logger } from '#base/common/log.ts';
import { dnsRcode } from '#net/dns/constants.ts';
import type { Machine } from '../node/machine.ts';
import type { ObjectStore } from '../store/store.ts';
import { clusterName } from './cluster-names.ts';

export interface NameServer {
  stop(): void;
}

export interface NameServerOptions {
  readonly store: ObjectStore;
  readonly machine: Machine;
  readonly domain: string;
  /** In the sandbox's network. */
  readonly address: string;
  readonly log: Logger;
}

const port = 53;
const forwardTimeoutMs = 3_000;
/** What fits into an answer by UDP where the question does not say more (RFC 1035 section 4.2.1). */
const plainUdpBytes = 512;
const maxAliases = 8;
const authoritative = 0x0400;
const recursionDesired = 0x0100;
const recursionAvailable = 0x0080;
const truncated = 0x0200;

/** The cluster's DNS: answers for the cluster's domain, and hands other questions to this machine's resolver. */
export async function startNameServer(options: NameServerOptions): Promise<NameServer> {
  const { machine, address, log } = options;
  const bind = { address, port };
  const udp = dgram.createSocket('udp4');
  udp.on('error', (error) => log.warn('The name server failed', { error }));
  udp.on('message', (message, { address: from, port: fromPort }) => {
    void answerMessage(options, message, 'udp').then((answer) => {
      if (answer !== undefined) udp.send(answer, fromPort, from, () => undefined);
    });
  });
  const [udpDescriptor, tcpDescriptor] = [
    await machine.openSocket({ kind: 'udp', bind }),
    await machine.openSocket({ kind: 'tcp', bind }),
  ];
  // Of a descriptor it is told at once.
  udp.bind({ fd: udpDescriptor });
  const tcp = net.createServer((socket) => serveStream(options, socket));
  tcp.listen({ fd: tcpDescriptor });
  await once(tcp, 'listening');
  const sockets = new Set<net.Socket>();
  tcp.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    stop: () => {
      udp.close();
      tcp.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Messages with two bytes of length in front (RFC 1035 section 4.2.2). */
function serveStream(options: NameServerOptions, socket: net.Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      const message = rest.subarray(2, end);
      rest = rest.subarray(end);
      void answerMessage(options, message, 'tcp').then((answer) => {
        if (answer !== undefined && socket.writable) socket.write(withLength(answer));
      });
    }
  });
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

async function answerMessage(options: NameServerOptions, message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
  try {
    const query = decode(message);
    const [question] = query.questions ?? [];
    if (query.type === 'response' || question === undefined) return undefined;
    const found = await resolve(options, question.name, question.type, transport);
    if (found === 'forward') return await forward(message, transport);
    const flags = authoritative | recursionAvailable | ((query.flags ?? 0) & recursionDesired);
    const reply: Packet = {
      type: 'response',
      ...(query.id === undefined ? {} : { id: query.id }),
      flags: flags | found.rcode,
      questions: [question],
      ...found.sections,
    };
    const full = encode(reply);
    const extension = query.additionals?.find((record) => record.type === 'OPT');
    const room = extension === undefined ? plainUdpBytes : extension.udpPayloadSize;
    if (transport === 'tcp' || full.length <= Math.max(room, plainUdpBytes)) return full;
    return encode({ ...reply, flags: flags | found.rcode | truncated, answers: [], additionals: [] });
  } catch (error) {
    options.log.debug('A question could not be answered', { error });
    return undefined;
  }
}

interface Resolved {
  readonly rcode: number;
  readonly sections: { readonly answers: Answer[]; readonly additionals?: Answer[]; readonly authorities?: Answer[] };
}

/** Follows aliases, within the cluster and out of it. */
async function resolve(
  options: NameServerOptions,
  name: string,
  type: string,
  transport: 'udp' | 'tcp',
): Promise<Resolved | 'forward'> {
  const { store, domain } = options;
  const aliases: Answer[] = [];
  for (let current = name; aliases.length <= maxAliases; ) {
    const found = clusterName(store, domain, current, type);
    switch (found.kind) {
      case 'found':
        return {
          rcode: dnsRcode.noError,
          sections: {
            answers: [...aliases, ...found.answers],
            ...(found.additionals === undefined ? {} : { additionals: [...found.additionals] }),
            ...(found.answers.length === 0 ? { authorities: [authority(domain)] } : {}),
          },
        };
      case 'no-such-name':
        return {
          rcode: aliases.length === 0 ? dnsRcode.nameError : dnsRcode.noError,
          sections: { answers: aliases, authorities: [authority(domain)] },
        };
      case 'other':
        if (aliases.length === 0) return 'forward';
        return { rcode: dnsRcode.noError, sections: { answers: [...aliases, ...(await outside(current, type, transport))] } };
      case 'alias':
        aliases.push(found.answer);
        if (type === 'CNAME') return { rcode: dnsRcode.noError, sections: { answers: aliases } };
        current = found.target;
    }
  }
  return { rcode: dnsRcode.serverFailure, sections: { answers: [] } };
}

async function outside(name: string, type: string, transport: 'udp' | 'tcp'): Promise<readonly Answer[]> {
  const query = encode({ type: 'query', id: 1, flags: recursionDesired, questions: [{ name, type: type as 'A' }] });
  const answer = await forward(query, transport);
  return answer === undefined ? [] : (decode(answer).answers ?? []);
}

function authority(domain: string): Answer {
  const data = {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: 1,
    refresh: 7_200,
    retry: 1_800,
    expire: 86_400,
    minimum: 5,
  };
  return { type: 'SOA', name: domain, ttl: 5, data };
}

/** Asks the resolver that this machine uses. Without one the question gets a failure, as in a cluster without a way out. */
async function forward(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
  const server = /^nameserver\s+(\S+)/m.exec(readFileSync('/etc/resolv.conf', 'utf8'))?.[1];
  try {
    if (server === undefined) throw new Error('no resolver');
    return transport === 'udp' ? await forwardDatagram(message, server) : await forwardStream(message, server);
  } catch {
    const { id = 0, questions = [] } = decode(message);
    return encode({ type: 'response', id, flags: recursionAvailable | dnsRcode.serverFailure, questions });
  }
}

async function forwardDatagram(message: Buffer, server: string): Promise<Buffer> {
  const socket = dgram.createSocket(net.isIPv6(server) ? 'udp6' : 'udp4');
  try {
    socket.send(message, port, server);
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(forwardTimeoutMs) })) as [Buffer];
    return answer;
  } finally {
    socket.close();
  }
}

async function forwardStream(message: Buffer, server: string): Promise<Buffer> {
  const socket = net.connect({ host: server, port, signal: AbortSignal.timeout(forwardTimeoutMs) });
  try {
    socket.write(withLength(message));
    let answer: Buffer = Buffer.alloc(0);
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk as Buffer]);
      if (answer.length >= 2 && answer.length >= 2 + answer.readUInt16BE(0)) break;
    }
    return answer.subarray(2);
  } finally {
    socket.destroy();
  }
}
