import { dnsClassIn } from './constants.ts';

/** Bytes that are not a DNS name, record or message. */
export class DnsFormatError extends Error {
  override readonly name = 'DnsFormatError';
}

/**
 * A record as bytes: what is relayed needs no understanding, so unknown types pass unharmed.
 *
 * `owner` is text without a final dot; the root is empty. `data` holds no compression pointers.
 */
export interface RawRecord {
  readonly owner: string;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: Buffer;
}

/** Octets of a name on the wire, root label included (RFC 1035 section 2.3.4). */
const maxNameBytes = 255;
const maxLabelBytes = 63;

/**
 * Reads a name, following compression pointers backwards only.
 *
 * Text is one character for each byte; dot, backslash and bytes outside of printable ASCII are written `\DDD` (RFC 4343), so that
 * a dot always separates labels.
 *
 * @returns the name without final dot, and the offset behind it.
 * @throws DnsFormatError
 */
export function readName(buffer: Buffer, start: number): { readonly name: string; readonly next: number } {
  let name = '';
  let offset = start;
  let next: number | undefined;
  let bytes = 1;
  let limit = start;
  for (;;) {
    const length = buffer[offset];
    if (length === undefined) throw new DnsFormatError('A name ends outside of its message');
    if (length === 0) return { name, next: next ?? offset + 1 };
    if (length >= 0xc0) {
      const low = buffer[offset + 1];
      if (low === undefined) throw new DnsFormatError('A name ends outside of its message');
      next ??= offset + 2;
      offset = ((length & 0x3f) << 8) | low;
      // Every jump goes further back than the last, so the loop ends.
      if (offset >= limit) throw new DnsFormatError('A compression pointer does not point backwards');
      limit = offset;
      continue;
    }
    if (length > maxLabelBytes) throw new DnsFormatError('A label has an unknown form');
    const end = offset + 1 + length;
    bytes += length + 1;
    if (end > buffer.length || bytes > maxNameBytes) throw new DnsFormatError('A name is too long');
    name += (name === '' ? '' : '.') + labelText(buffer, offset + 1, end);
    offset = end;
  }
}

/**
 * Writes a name without compression.
 *
 * @throws DnsFormatError for an empty or too long label, or a too long name.
 */
export function writeName(name: string): Buffer {
  const text = name.endsWith('.') ? name.slice(0, -1) : name;
  if (text === '') return Buffer.of(0);
  const parts: Buffer[] = [];
  let bytes = 1;
  for (const label of text.split('.')) {
    const plain = label.includes('\\')
      ? label.replaceAll(/\\([0-9]{3})/g, (_, code: string) => String.fromCharCode(Number(code) & 0xff))
      : label;
    const encoded = Buffer.from(plain, 'latin1');
    bytes += encoded.length + 1;
    if (encoded.length === 0 || encoded.length > maxLabelBytes || bytes > maxNameBytes) {
      throw new DnsFormatError(`Not a DNS name: ${name}`);
    }
    parts.push(Buffer.of(encoded.length), encoded);
  }
  return Buffer.concat([...parts, Buffer.of(0)]);
}

/**
 * Reads records that stand one after another without compression: the form of `DNSResponse.rrs`.
 *
 * ```
 * owner · type 2 · class 2 · ttl 4 · length 2 · data
 * ```
 *
 * @throws DnsFormatError
 */
export function readRecords(packed: Buffer): RawRecord[] {
  const records: RawRecord[] = [];
  let offset = 0;
  while (offset < packed.length) {
    const { name: owner, next } = readName(packed, offset);
    if (next + 10 > packed.length) throw new DnsFormatError('A record is cut off');
    const end = next + 10 + packed.readUInt16BE(next + 8);
    if (end > packed.length) throw new DnsFormatError('A record is cut off');
    records.push({
      owner,
      type: packed.readUInt16BE(next),
      class: packed.readUInt16BE(next + 2),
      ttl: packed.readUInt32BE(next + 4),
      data: packed.subarray(next + 10, end),
    });
    offset = end;
  }
  return records;
}

/** The opposite of `readRecords`. */
export function writeRecords(records: readonly RawRecord[]): Buffer {
  return Buffer.concat(records.flatMap((record) => [writeName(record.owner), recordTail(record)]));
}

/** Type, class, TTL, length and data of a record: all that follows its owner. */
export function recordTail(record: RawRecord): Buffer {
  const tail = Buffer.allocUnsafe(10 + record.data.length);
  tail.writeUInt16BE(record.type, 0);
  tail.writeUInt16BE(record.class, 2);
  tail.writeUInt32BE(record.ttl, 4);
  tail.writeUInt16BE(record.data.length, 8);
  record.data.copy(tail, 10);
  return tail;
}

/** A record of the Internet class. */
export function rawRecord(owner: string, type: number, ttl: number, data: Buffer): RawRecord {
  return { owner, type, class: dnsClassIn, ttl, data };
}

function labelText(buffer: Buffer, start: number, end: number): string {
  for (let index = start; index < end; index += 1) {
    const byte = buffer[index] ?? 0;
    if (byte <= 0x20 || byte >= 0x7f || byte === 0x2e || byte === 0x5c) return escapedLabel(buffer.subarray(start, end));
  }
  return buffer.toString('latin1', start, end);
}

function escapedLabel(label: Buffer): string {
  let text = '';
  for (const byte of label) {
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\${byte.toString().padStart(3, '0')}`;
  }
  return text;
}
