import dgram from 'node:dgram';
import { once } from 'node:events';
import dns, { type Answer, type Packet } from 'dns-packet';

export interface NameServerRecords {
  /** Lower-case names without a dot at the end. A list stands for the whole record set. */
  readonly A?: Readonly<Record<string, string>>;
  readonly TXT?: Readonly<Record<string, string>>;
}

/** A question that arrived. */
export interface Question {
  readonly name: string;
  readonly type: string;
}

const ttlSeconds = 5;

/**
 * The resolver that a laptop had before: answers what it has records of, NOERROR without records for the other types of such a
 * name, and NXDOMAIN for the rest. It remembers what it was asked, so that a test can tell who answered.
 */
export class NameServer {
  readonly asked: Question[] = [];
  readonly #records: NameServerRecords;
  readonly #socket = dgram.createSocket('udp4');

  constructor(records: NameServerRecords) {
    this.#records = records;
  }

  async listen(address: string): Promise<void> {
    this.#socket.on('message', (message, from) => {
      const query = dns.decode(message);
      this.#socket.send(dns.encode(this.#answer(query)), from.port, from.address);
    });
    this.#socket.bind(53, address);
    await once(this.#socket, 'listening');
  }

  close(): void {
    this.#socket.close();
  }

  wasAsked(name: string): boolean {
    return this.asked.some((question) => question.name === name);
  }

  #answer(query: Packet): Packet {
    const question = query.questions?.[0];
    const name = question?.name.toLowerCase() ?? '';
    const type = question?.type ?? 'A';
    this.asked.push({ name, type });
    const isKnown = [this.#records.A, this.#records.TXT].some((records) => records?.[name] !== undefined);
    const answers: Answer[] = [];
    const address = this.#records.A?.[name];
    const text = this.#records.TXT?.[name];
    if (type === 'A' && address !== undefined) answers.push({ type: 'A', name, ttl: ttlSeconds, data: address });
    if (type === 'TXT' && text !== undefined) answers.push({ type: 'TXT', name, ttl: ttlSeconds, data: text });
    const rcode = isKnown ? 0 : 3;
    return {
      type: 'response',
      ...(query.id === undefined ? {} : { id: query.id }),
      flags: dns.RECURSION_DESIRED | dns.RECURSION_AVAILABLE | rcode,
      ...(query.questions === undefined ? {} : { questions: query.questions }),
      answers,
    };
  }
}
