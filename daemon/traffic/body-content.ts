import { brotliDecompressSync, constants, gunzipSync, type InputType, inflateSync } from 'node:zlib';
import type * as z from 'zod/mini';
import type { trafficBody } from '#protocol/local-api/traffic-api.ts';

type BodyContent = NonNullable<z.infer<typeof trafficBody>['content']>;

/** A few bytes of a bomb are enough to see what it is. */
const maxUnpackedBytes = 256 * 1024;

const textTypes = /^(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml|javascript|x-www-form-urlencoded|graphql|yaml|x-ndjson))/i;

/** What was kept of a body, to be looked at: unpacked, as text where it is text. */
export function bodyContent(bytes: Uint8Array, type: string, encoding: string): BodyContent {
  const content = unpacked(bytes, encoding);
  const text = textOf(content);
  if (text !== undefined && (type === '' || textTypes.test(type) || isPrintable(text))) return { kind: 'text', text };
  return { kind: 'binary', base64: Buffer.from(content).toString('base64') };
}

/** The kept part may end anywhere; what can be unpacked of it is. */
function unpacked(bytes: Uint8Array, encoding: string): Uint8Array {
  const unpack = unpackers[encoding.trim().toLowerCase()];
  if (unpack === undefined) return bytes;
  try {
    return unpack(bytes);
  } catch {
    return bytes;
  }
}

const partial = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: maxUnpackedBytes };
const unpackers: Readonly<Record<string, (bytes: InputType) => Uint8Array>> = {
  gzip: (bytes) => gunzipSync(bytes, partial),
  'x-gzip': (bytes) => gunzipSync(bytes, partial),
  deflate: (bytes) => inflateSync(bytes, partial),
  br: (bytes) =>
    brotliDecompressSync(bytes, { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: maxUnpackedBytes }),
};

/** UTF-8, of which the last character may be cut off. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

function isPrintable(text: string): boolean {
  return !/\p{Cc}/u.test(text.replace(/[\t\n\f\r]/g, ''));
}
