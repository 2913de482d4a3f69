import type { Readable } from 'node:stream';
import { type ExchangeListener, Exchanges } from '#net/http/exchanges.ts';
import { keptHead, type TrafficPlace, type TrafficRecord, type TrafficSubject } from './traffic-record.ts';
import type { TrafficRecorder } from './traffic-recorder.ts';

type Protocol = Extract<TrafficSubject, { kind: 'connection' }>['protocol'];

/** First bytes of a TLS handshake. */
const tlsHandshake = 0x16;

/**
 * Looks at the bytes of one connection as they pass, and records its requests; where it is not HTTP/1.1, or not any more, the connection.
 * It neither keeps nor delays a byte, and whatever goes wrong within it ends the looking and nothing else.
 */
export class ConnectionObserver {
  readonly #recorder: TrafficRecorder;
  readonly #place: TrafficPlace;
  readonly #exchanges: Exchanges<TrafficRecord>;
  /** Since it is not HTTP/1.1. */
  #connection: TrafficRecord | undefined;
  readonly #undecided = { inBytes: 0, outBytes: 0 };
  #isFirst = true;
  #hasRequest = false;
  #isOff = false;

  constructor(recorder: TrafficRecorder, place: TrafficPlace) {
    this.#recorder = recorder;
    this.#place = place;
    this.#exchanges = new Exchanges<TrafficRecord>({
      request: ({ text, method, target }) => {
        this.#hasRequest = true;
        const record = recorder.begin(place, { kind: 'request', method, target });
        record.requestHead = keptHead(text);
        return record;
      },
      requestContent: contentTaker(recorder, 'inBytes', 'requestBody'),
      response: (record, { text, status }) => {
        record.status = status;
        record.responseHead = keptHead(text);
        recorder.changed(record);
      },
      responseContent: contentTaker(recorder, 'outBytes', 'responseBody'),
      ended: (record) => {
        record.end('done');
        recorder.changed(record);
      },
    });
  }

  /** To be called in the turn in which both begin to flow. */
  follow(caller: Readable, handler: Readable): void {
    caller.on('data', (chunk: Buffer) => this.#guarded(() => this.#fromCaller(chunk)));
    handler.on('data', (chunk: Buffer) => this.#guarded(() => this.#fromHandler(chunk)));
    handler.once('end', () => this.#guarded(() => this.#exchanges.serverEnded()));
    handler.once('close', () => this.#guarded(() => this.#closed(handler.readableEnded)));
  }

  #fromCaller(chunk: Buffer): void {
    if (this.#isFirst) this.#look(chunk);
    const read = this.#connection === undefined ? this.#exchanges.fromClient(chunk) : 0;
    this.#count('inBytes', chunk.length, read);
  }

  #fromHandler(chunk: Buffer): void {
    this.#isFirst = false;
    // Whoever greets its callers does not speak HTTP.
    if (this.#connection === undefined && !this.#hasRequest) this.#begin('tcp', '');
    const read = this.#connection === undefined ? this.#exchanges.fromServer(chunk) : 0;
    this.#count('outBytes', chunk.length, read);
  }

  /** What is no request mostly says so by its first byte. */
  #look(chunk: Buffer): void {
    this.#isFirst = false;
    const first = chunk[0] ?? 0;
    const isLetter = (first | 0x20) >= 0x61 && (first | 0x20) <= 0x7a;
    if (first === tlsHandshake) this.#begin('tls', '');
    else if (!isLetter) this.#begin('tcp', '');
  }

  /** Bytes that are no exchange's: of a connection without any, those from before it showed what it is, too. */
  #count(side: 'inBytes' | 'outBytes', bytes: number, read: number): void {
    const { over } = this.#exchanges;
    if (this.#connection === undefined && over !== undefined && (over.kind === 'doubt' || read < bytes || !this.#hasRequest)) {
      this.#begin(over.kind === 'switched' ? over.protocol : 'tcp', over.kind === 'switched' ? over.target : '');
    }
    const record = this.#connection;
    if (record === undefined) {
      if (!this.#hasRequest) this.#undecided[side] += bytes;
      return;
    }
    record[side] += this.#hasRequest ? bytes - read : bytes;
    this.#recorder.changed(record);
  }

  #begin(protocol: Protocol, target: string): void {
    this.#connection = this.#recorder.begin(this.#place, { kind: 'connection', protocol, target });
    this.#connection.inBytes = this.#undecided.inBytes;
    this.#connection.outBytes = this.#undecided.outBytes;
    this.#endPending();
  }

  #closed(isInOrder: boolean): void {
    const { over } = this.#exchanges;
    if (this.#connection === undefined && over?.kind === 'switched') this.#begin(over.protocol, over.target);
    // One that was opened and closed, as a probe does, is seen, too.
    else if (this.#connection === undefined && !this.#hasRequest) this.#begin('tcp', '');
    this.#endPending();
    if (this.#connection === undefined) return;
    this.#connection.end(isInOrder ? 'done' : 'failed');
    this.#recorder.changed(this.#connection);
  }

  #endPending(): void {
    for (const record of this.#exchanges.pending) {
      record.end('failed');
      this.#recorder.changed(record);
    }
  }

  #guarded(look: () => void): void {
    if (this.#isOff) return;
    try {
      look();
    } catch {
      // Somebody's connection is worth more than what is told of it.
      this.#isOff = true;
    }
  }
}

/** Counts the content of one side's messages, and keeps it where somebody watches. */
function contentTaker(
  recorder: TrafficRecorder,
  bytes: 'inBytes' | 'outBytes',
  body: 'requestBody' | 'responseBody',
): ExchangeListener<TrafficRecord>['requestContent'] {
  return (record, chunk, start, end) => {
    // The beginning of a body, or nothing of it.
    if (recorder.isKeepingBodies && (record[bytes] === 0 || record[body] !== undefined)) {
      recorder.keepBody(record, body, chunk, start, end);
    }
    record[bytes] += end - start;
    recorder.changed(record);
  };
}

/** Datagrams between one pair of addresses, until the flow ends; what it returns is told of each. */
export function recordDatagrams(
  recorder: TrafficRecorder,
  place: TrafficPlace,
  flow: Readable,
): (direction: 'in' | 'out', bytes: number) => void {
  const record = recorder.begin(place, { kind: 'connection', protocol: 'udp', target: '' });
  flow.once('close', () => {
    record.end('done');
    recorder.changed(record);
  });
  return (direction, bytes) => {
    record[direction === 'in' ? 'inBytes' : 'outBytes'] += bytes;
    recorder.changed(record);
  };
}

/** A connection that no handler took. */
export function recordRefused(recorder: TrafficRecorder, place: TrafficPlace): void {
  const record = recorder.begin(place, { kind: 'connection', protocol: 'refused', target: '' });
  record.end('failed');
  recorder.changed(record);
}
