import { type Answer, decode, encode } from 'dns-packet';
import { DnsFormatError, readName, readRecords } from './wire.ts';

/** Bytes of a DNS message before its first question. */
const headerBytes = 12;

/**
 * Packs records for `DNSResponse.rrs`: one after another in wire format, without compression across records. OPT records
 * belong to one hop and are left out.
 */
export function packAnswers(records: readonly Answer[]): Buffer {
  // The library writes names without compression, so the answers of a message without questions are the packed form.
  const answers = records.filter((record) => record.type !== 'OPT');
  return encode({ type: 'response', answers }).subarray(headerBytes);
}

/**
 * Reads `DNSResponse.rrs`.
 *
 * @throws DnsFormatError
 */
export function unpackAnswers(packed: Buffer): Answer[] {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(0x8000, 2);
  header.writeUInt16BE(readRecords(packed).length, 6);
  return decodeMessage(Buffer.concat([header, packed])).answers ?? [];
}

/**
 * Takes response code and answers out of a resolver's message, in the form of `DNSResponse`.
 *
 * @throws DnsFormatError
 */
export function packMessage(message: Buffer): { readonly rcode: number; readonly rrs: Buffer } {
  const answers = decodeMessage(message).answers ?? [];
  return { rcode: message.readUInt16BE(2) & 0xf, rrs: packAnswers(answers) };
}

/**
 * The text of a name that stands at the start of a record's data: the target of CNAME, NS or PTR.
 *
 * @throws DnsFormatError
 */
export function nameInData(data: Buffer): string {
  return readName(data, 0).name;
}

function decodeMessage(message: Buffer): ReturnType<typeof decode> {
  try {
    return decode(message);
  } catch (error) {
    // The library reports bad bytes with whatever its reads happen to throw.
    throw new DnsFormatError(`Not a DNS message: ${error instanceof Error ? error.message : String(error)}`);
  }
}
