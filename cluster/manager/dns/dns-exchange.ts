import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import { dnsClassIn, dnsType } from '#net/dns/constants.ts';
import { normalizeName } from '#net/dns/names.ts';
import { readName, writeName } from '#net/dns/wire.ts';

export interface Nameserver {
  readonly address: string;
  readonly port: number;
}

/** Each attempt uses the next name server and a fresh socket. Together below the 4 s that laptops wait for an answer. */
const attemptTimeoutsMs = [700, 1_100, 1_900];

/** Larger answers come over TCP; what fits in this passes every link unfragmented (DNS flag day 2020). */
const udpPayloadBytes = 1_232;

const headerBytes = 12;
const maxPending = 4_096;

/** Questions to name servers: UDP, tried again, and TCP where an answer is truncated. */
export class DnsExchange {
  readonly #nameservers: readonly Nameserver[];
  readonly #timeoutsMs: readonly number[];
  #socket: QuestionSocket | undefined;

  constructor(nameservers: readonly Nameserver[], timeoutsMs: readonly number[] = attemptTimeoutsMs) {
    this.#nameservers = nameservers;
    this.#timeoutsMs = timeoutsMs;
  }

  /**
   * @returns the whole message of the answer, whatever its response code.
   * @throws Error where no name server answered.
   */
  async ask(name: string, type: number, signal?: AbortSignal): Promise<Buffer> {
    const question = encodeQuestion(name, type);
    let failure: unknown = new Error('There is no name server');
    for (const [attempt, timeoutMs] of this.#timeoutsMs.entries()) {
      const server = this.#nameservers[attempt % this.#nameservers.length];
      if (server === undefined) break;
      const socket = this.#open(server);
      try {
        const answer = await socket.ask(question, timeoutMs);
        return isTruncated(answer) ? await askOverTcp(server, question, timeoutMs + 1_000) : answer;
      } catch (error) {
        failure = error;
        signal?.throwIfAborted();
        // A socket that got no answer may be held to a name server that is gone by the kernel's connection tracking.
        if (this.#socket === socket) this.#socket = undefined;
        socket.retire();
      }
    }
    throw failure;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #open(server: Nameserver): QuestionSocket {
    const current = this.#socket;
    if (current !== undefined && current.server === server && current.isUsable) return current;
    current?.retire();
    this.#socket = new QuestionSocket(server);
    return this.#socket;
  }
}

/** One connected UDP socket with any number of questions under way. */
class QuestionSocket {
  readonly server: Nameserver;
  readonly #socket: dgram.Socket;
  readonly #connected: Promise<void>;
  readonly #pending = new Map<number, { readonly question: Buffer; readonly answer: Deferred<Buffer> }>();
  #isRetired = false;
  #isClosed = false;

  constructor(server: Nameserver) {
    this.server = server;
    this.#socket = dgram.createSocket(net.isIPv6(server.address) ? 'udp6' : 'udp4');
    this.#socket.on('message', (message) => this.#receive(message));
    this.#connected = new Promise((resolve, reject) => {
      this.#socket.on('error', (error) => {
        reject(error);
        this.#fail(error);
      });
      this.#socket.connect(server.port, server.address, () => resolve());
    });
    this.#connected.catch(() => undefined);
  }

  get isUsable(): boolean {
    return !this.#isRetired && this.#pending.size < maxPending;
  }

  async ask(question: Buffer, timeoutMs: number): Promise<Buffer> {
    let id = randomInt(65_536);
    while (this.#pending.has(id)) id = (id + 1) & 0xffff;
    const message = Buffer.from(question);
    message.writeUInt16BE(id, 0);
    const answer = deferred<Buffer>();
    this.#pending.set(id, { question, answer });
    const timer = setTimeout(
      () => answer.reject(new Error(`No answer from ${this.server.address} within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      await this.#connected;
      this.#socket.send(message, (error) => {
        if (error !== null) answer.reject(error);
      });
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
      if (this.#isRetired && this.#pending.size === 0) this.close();
    }
  }

  /** Takes no new question and closes when the last one is done. */
  retire(): void {
    this.#isRetired = true;
    if (this.#pending.size === 0) this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    this.#fail(new Error('The look-up was given up'));
  }

  #receive(message: Buffer): void {
    if (message.length < headerBytes) return;
    const entry = this.#pending.get(message.readUInt16BE(0));
    if (entry !== undefined && isAnswerTo(message, entry.question)) entry.answer.resolve(message);
  }

  #fail(error: unknown): void {
    this.#isRetired = true;
    for (const { answer } of this.#pending.values()) answer.reject(error);
  }
}

function encodeQuestion(name: string, type: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(0x0100, 2); // recursion desired
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 10);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(dnsClassIn, 2);
  const edns = Buffer.alloc(11); // root name, OPT, payload size; no flags, no options (RFC 6891 section 6.1.2)
  edns.writeUInt16BE(dnsType.opt, 1);
  edns.writeUInt16BE(udpPayloadBytes, 3);
  return Buffer.concat([header, writeName(name), tail, edns]);
}

/** Whether the message is a response that repeats the question; a server may leave the question out of an error. */
function isAnswerTo(message: Buffer, question: Buffer): boolean {
  if ((message.readUInt16BE(2) & 0x8000) === 0) return false;
  if (message.readUInt16BE(4) === 0) return (message.readUInt16BE(2) & 0xf) !== 0;
  try {
    const asked = readName(question, headerBytes);
    const repeated = readName(message, headerBytes);
    const isSameName = normalizeName(asked.name) === normalizeName(repeated.name);
    return isSameName && question.readUInt16BE(asked.next) === message.readUInt16BE(repeated.next);
  } catch {
    return false;
  }
}

function isTruncated(message: Buffer): boolean {
  return (message.readUInt16BE(2) & 0x0200) !== 0;
}

/** One question on a connection of its own; the length goes in front (RFC 1035 section 4.2.2). */
async function askOverTcp(server: Nameserver, question: Buffer, timeoutMs: number): Promise<Buffer> {
  const id = randomInt(65_536);
  const message = Buffer.concat([Buffer.alloc(2), question]);
  message.writeUInt16BE(question.length, 0);
  message.writeUInt16BE(id, 2);
  const socket = net.connect({ host: server.address, port: server.port });
  socket.setTimeout(timeoutMs, () =>
    socket.destroy(new Error(`No answer from ${server.address} over TCP within ${timeoutMs} ms`)),
  );
  try {
    socket.write(message);
    let input = Buffer.alloc(0);
    for await (const chunk of socket) {
      input = Buffer.concat([input, chunk as Buffer]);
      if (input.length < 2 || input.length < 2 + input.readUInt16BE(0)) continue;
      const answer = input.subarray(2, 2 + input.readUInt16BE(0));
      if (answer.length < headerBytes || answer.readUInt16BE(0) !== id || !isAnswerTo(answer, question)) break;
      return answer;
    }
    throw new Error(`${server.address} gave no answer over TCP`);
  } finally {
    socket.destroy();
  }
}
