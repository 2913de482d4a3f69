import { dnsClassIn, dnsRcode, dnsType } from '#net/dns/constants.ts';
import { DnsFormatError, type RawRecord, readName, recordTail, writeName } from '#net/dns/wire.ts';

/** A question from the laptop, with what its answer has to repeat. */
export interface Query {
  /** The whole message. */
  readonly bytes: Buffer;
  /** Lower case, without final dot. */
  readonly name: string;
  readonly type: number;
  /** Offset behind the question. */
  readonly questionEnd: number;
  /** Present when the asker speaks EDNS (RFC 6891). */
  readonly edns?: { readonly maxBytes: number };
}

export type ParsedQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** Not answerable, but worth a response with this code. */
  | { readonly kind: 'refused'; readonly rcode: number }
  /** Not a question at all: answering could start a loop. */
  | { readonly kind: 'ignored' };

const headerBytes = 12;
/** Largest UDP message for an asker without EDNS (RFC 1035 section 2.3.4). */
const plainUdpBytes = 512;
/** What we take over UDP ourselves: the size that passes everywhere without fragments (DNS flag day 2020). */
const ownUdpBytes = 1232;

/** Reads a query; never throws. */
export function parseQuery(bytes: Buffer): ParsedQuery {
  if (bytes.length < headerBytes || isResponse(bytes)) return { kind: 'ignored' };
  if (((bytes[2] ?? 0) & 0x78) !== 0) return { kind: 'refused', rcode: dnsRcode.notImplemented };
  if (bytes.readUInt16BE(4) !== 1) return { kind: 'refused', rcode: dnsRcode.formatError };
  try {
    const { name, next } = readName(bytes, headerBytes);
    const questionEnd = next + 4;
    if (questionEnd > bytes.length) return { kind: 'refused', rcode: dnsRcode.formatError };
    if (bytes.readUInt16BE(next + 2) !== dnsClassIn) return { kind: 'refused', rcode: dnsRcode.notImplemented };
    const edns = readEdns(bytes, questionEnd);
    if (edns !== undefined && edns.version !== 0) return { kind: 'refused', rcode: dnsRcode.badVersion };
    const base = { bytes, name: name.toLowerCase(), type: bytes.readUInt16BE(next), questionEnd };
    return { kind: 'query', query: edns === undefined ? base : { ...base, edns: { maxBytes: edns.maxBytes } } };
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return { kind: 'refused', rcode: dnsRcode.formatError };
  }
}

/** Bytes that the answer may have over UDP. */
export function udpLimit(query: Query): number {
  return query.edns === undefined ? plainUdpBytes : Math.max(plainUdpBytes, query.edns.maxBytes);
}

/**
 * The answer to a query: its id and question byte for byte, then records. Owners that were written before are compressed, most of
 * all the name that was asked, so that some thirty addresses fit into 512 bytes.
 *
 * ```
 * header 12 · question · answers · OPT, when the query had one
 * ```
 *
 * Records that do not fit are left out and the message is marked as truncated: the asker comes again over TCP.
 */
export function writeResponse(query: Query, rcode: number, records: readonly RawRecord[], maxBytes: number): Buffer {
  const opt = query.edns === undefined ? Buffer.alloc(0) : optRecord(rcode);
  const parts: Buffer[] = [];
  const written = new Map<string, number>([[query.name, headerBytes]]);
  let length = query.questionEnd;
  let count = 0;
  for (const record of records) {
    const owner = record.owner.toLowerCase();
    const offset = written.get(owner);
    const name = offset === undefined ? writeName(record.owner) : Buffer.of(0xc0 | (offset >> 8), offset & 0xff);
    const tail = recordTail(record);
    if (length + name.length + tail.length + opt.length > maxBytes) break;
    // Pointers have 14 bits.
    if (offset === undefined && length < 0x4000) written.set(owner, length);
    parts.push(name, tail);
    length += name.length + tail.length;
    count += 1;
  }
  const head = Buffer.from(query.bytes.subarray(0, query.questionEnd));
  writeHeader(head, rcode, {
    isTruncated: count < records.length,
    answers: count,
    additionals: query.edns === undefined ? 0 : 1,
  });
  head.writeUInt16BE(1, 4);
  return Buffer.concat([head, ...parts, opt]);
}

/** An answer without question and records, for what could not be read. */
export function writeRefusal(bytes: Buffer, rcode: number): Buffer {
  const head = Buffer.from(bytes.subarray(0, headerBytes));
  const opt = rcode > 0xf ? optRecord(rcode) : Buffer.alloc(0);
  writeHeader(head, rcode, { isTruncated: false, answers: 0, additionals: rcode > 0xf ? 1 : 0 });
  head.writeUInt16BE(0, 4);
  return Buffer.concat([head, opt]);
}

export function isResponse(bytes: Buffer): boolean {
  return ((bytes[2] ?? 0) & 0x80) !== 0;
}

/** Opcode and recursion-desired bit are the query's; we do recursion and are no authority. */
function writeHeader(
  head: Buffer,
  rcode: number,
  { isTruncated, answers, additionals }: { isTruncated: boolean; answers: number; additionals: number },
): void {
  head[2] = 0x80 | ((head[2] ?? 0) & 0x79) | (isTruncated ? 0x02 : 0);
  head[3] = 0x80 | ((head[3] ?? 0) & 0x10) | (rcode & 0xf);
  head.writeUInt16BE(answers, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(additionals, 10);
}

/** RFC 6891 section 6.1.2: root · 41 · UDP size 2 · upper rcode bits 1 · version 1 · flags 2 · length 2 */
function optRecord(rcode: number): Buffer {
  const opt = Buffer.alloc(11);
  opt.writeUInt16BE(dnsType.opt, 1);
  opt.writeUInt16BE(ownUdpBytes, 3);
  opt[5] = rcode >> 4;
  return opt;
}

function readEdns(bytes: Buffer, start: number): { readonly maxBytes: number; readonly version: number } | undefined {
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  let offset = start;
  for (let index = 0; index < records; index += 1) {
    const { next } = readName(bytes, offset);
    if (next + 10 > bytes.length) throw new DnsFormatError('A record is cut off');
    if (bytes.readUInt16BE(next) === dnsType.opt)
      return { maxBytes: bytes.readUInt16BE(next + 2), version: bytes[next + 5] ?? 0 };
    offset = next + 10 + bytes.readUInt16BE(next + 8);
  }
  return undefined;
}
