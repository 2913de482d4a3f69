import { TunnelProtocolError } from './tunnel-code.ts';

/** Bytes of the unsigned LEB128 form of an integer below 2^53. */
export function uvarintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

/** Writes an integer below 2^53 and returns the offset behind it. */
export function writeUvarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 128) {
    target[at] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
    at += 1;
  }
  target[at] = rest;
  return at + 1;
}

/** Reads an integer and the offset behind it. Values from 2^53 on lose precision, which no field here needs. */
export function readUvarint(source: Uint8Array, offset: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let scale = 1;
  for (let at = offset; at < source.length && at < offset + 10; at += 1) {
    const byte = source[at] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) return { value, next: at + 1 };
    scale *= 128;
  }
  throw new TunnelProtocolError('An integer in a tunnel message is cut short');
}
