/**
 * As much of DER (ITU-T X.690) as a certificate is made of. Every value is
 *
 *     ┌─────┬────────┬──────────┐   length: one byte below 128,
 *     │ tag │ length │ contents │   else 0x80 + n and n bytes, big-endian
 *     └─────┴────────┴──────────┘
 */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Values in their order. */
export const sequence = (...items: readonly Uint8Array[]) => der(tags.sequence, ...items);

/** Values whose order does not count. */
export const set = (...items: readonly Uint8Array[]) => der(tags.set, ...items);

/** Bytes. */
export const octetString = (content: Uint8Array) => der(tags.octetString, content);

/** Text. */
export const utf8String = (text: string) => der(tags.utf8String, Buffer.from(text, 'utf8'));

/** DER knows one way to say yes: 0xff. */
export const boolean = (value: boolean) => der(tags.boolean, Buffer.from([value ? 0xff : 0]));

/** `[number]` of the context; `isConstructed` where it wraps other values, as explicit tags do. */
export const tagged = (number: number, isConstructed: boolean, ...contents: readonly Uint8Array[]) =>
  der(0x80 + (isConstructed ? 0x20 : 0) + number, ...contents);

/** A whole number ≥ 0 from its big-endian bytes: no byte more than needed, and one of zeros where it would look negative. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = first === -1 ? Buffer.from([0]) : Buffer.from(bytes.subarray(first));
  return der(tags.integer, (significant[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), significant]) : significant);
}

/** Bits in whole bytes but for the last `unusedBits`. */
export const bitString = (content: Uint8Array, unusedBits = 0) => der(tags.bitString, Buffer.from([unusedBits]), content);

/** `1.2.840.10045.4.3.2`: two arcs in the first byte, the others in groups of seven bits. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift(128 + (left % 128));
    return groups;
  });
  return der(tags.oid, Buffer.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5). Whole seconds. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const isShort = date.getUTCFullYear() < 2050;
  return der(isShort ? tags.utcTime : tags.generalizedTime, Buffer.from(isShort ? digits.slice(2) : digits, 'latin1'));
}

function lengthOf(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Buffer.from([0x80 + bytes.length, ...bytes]);
}
