import { HttpDoubt } from './http-doubt.ts';

/** How the body behind a head is delimited (RFC 9112, section 6). */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

/** `text` is start line and header lines without the blank line, one character a byte (latin1). */
export interface RequestHead {
  readonly text: string;
  readonly method: string;
  readonly target: string;
  readonly version: string;
}

export interface ResponseHead {
  readonly text: string;
  readonly status: number;
  /** Of the header `Upgrade`; empty where there is none. */
  readonly upgrade: string;
}

/** What the header lines of a head say about its body. */
interface Fields {
  readonly length: number | undefined;
  readonly isChunked: boolean;
  readonly hasTransferEncoding: boolean;
  readonly upgrade: string;
}

const noBody: BodyFraming = { kind: 'none' };
const chunkedBody: BodyFraming = { kind: 'chunked' };
const bodyUntilClose: BodyFraming = { kind: 'until-close' };

const methodPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const targetPattern = /^[\x21-\x7e\x80-\xff]+$/;

/**
 * @throws HttpDoubt where the text is no head of a request, or one whose end two readers may see at different places.
 */
export function readRequestHead(text: string): { readonly head: RequestHead; readonly body: BodyFraming } {
  const end = lineEnd(text, 0);
  const { method, target, version } = readRequestLine(text.slice(0, end));
  const fields = readFields(text, end);
  const head: RequestHead = { text, method, target, version };
  if (fields.hasTransferEncoding) {
    // A request has no other end than the last chunk.
    if (!fields.isChunked) throw new HttpDoubt('a request with an unknown transfer encoding');
    return { head, body: chunkedBody };
  }
  return { head, body: fields.length === undefined || fields.length === 0 ? noBody : { kind: 'length', bytes: fields.length } };
}

/** @throws HttpDoubt as above. */
export function readRequestLine(line: string): Omit<RequestHead, 'text'> {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const method = line.slice(0, first);
  const target = line.slice(first + 1, second);
  const version = line.slice(second + 1);
  const isVersion = version === 'HTTP/1.1' || version === 'HTTP/1.0' || version === 'HTTP/2.0';
  if (first < 1 || second < first || !isVersion || !methodPattern.test(method) || !targetPattern.test(target)) {
    throw new HttpDoubt('no request line');
  }
  return { method, target, version };
}

/** `method`: of the request that is answered. @throws HttpDoubt as above. */
export function readResponseHead(text: string, method: string): { readonly head: ResponseHead; readonly body: BodyFraming } {
  const end = lineEnd(text, 0);
  const status = readStatusLine(text, end);
  const fields = readFields(text, end);
  const head: ResponseHead = { text, status, upgrade: fields.upgrade };
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return { head, body: noBody };
  if (fields.hasTransferEncoding) return { head, body: fields.isChunked ? chunkedBody : bodyUntilClose };
  if (fields.length === undefined) return { head, body: bodyUntilClose };
  return { head, body: fields.length === 0 ? noBody : { kind: 'length', bytes: fields.length } };
}

/** Names as they were sent. Headers that come several times stay several. */
export function headerList(text: string): { readonly name: string; readonly value: string }[] {
  return text
    .split('\r\n')
    .slice(1)
    .map((line) => {
      const colon = line.indexOf(':');
      return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() };
    });
}

/** Some take either character alone for the end of a line. */
function lineEnd(text: string, start: number): number {
  const carriage = text.indexOf('\r', start);
  const feed = text.indexOf('\n', start);
  if (carriage === -1 && feed === -1) return text.length;
  if (feed !== carriage + 1 || carriage === -1) throw new HttpDoubt('an unclear end of a line');
  return carriage;
}

function readStatusLine(text: string, end: number): number {
  const isVersion = text.startsWith('HTTP/1.1 ') || text.startsWith('HTTP/1.0 ');
  const status = Number(text.slice(9, 12));
  const isEnd = end === 12 || text.charCodeAt(12) === 0x20;
  if (!isVersion || !isEnd || !(status >= 100 && status <= 999)) throw new HttpDoubt('no status line');
  return status;
}

/** Looks at every line, and into those only that matter here: heads come thousands of times a second. */
function readFields(text: string, startLine: number): Fields {
  let length: number | undefined;
  let isChunked = false;
  let hasTransferEncoding = false;
  let upgrade = '';
  for (let start = startLine + 2; start < text.length; ) {
    const end = lineEnd(text, start);
    const colon = text.indexOf(':', start);
    if (colon <= start || colon >= end) throw new HttpDoubt('a line that is no header');
    const first = text.charCodeAt(start);
    // A folded line is a part of the one before, to some.
    if (first === 0x20 || first === 0x09) throw new HttpDoubt('a folded header');
    const before = text.charCodeAt(colon - 1);
    if (before === 0x20 || before === 0x09) throw new HttpDoubt('a space before the colon of a header');
    const size = colon - start;
    if (size === 14 && isName(text, start, colon, 'content-length')) {
      const value = text.slice(colon + 1, end).trim();
      const bytes = /^\d{1,15}$/.test(value) ? Number(value) : -1;
      if (bytes === -1 || (length !== undefined && length !== bytes)) throw new HttpDoubt('an unclear content length');
      length = bytes;
    } else if (size === 17 && isName(text, start, colon, 'transfer-encoding')) {
      if (hasTransferEncoding) throw new HttpDoubt('several transfer encodings');
      hasTransferEncoding = true;
      isChunked =
        text
          .slice(colon + 1, end)
          .trim()
          .toLowerCase() === 'chunked';
    } else if (size === 7 && isName(text, start, colon, 'upgrade')) {
      upgrade = text
        .slice(colon + 1, end)
        .trim()
        .toLowerCase();
    }
    start = end + 2;
  }
  // How a request is smuggled past somebody who reads it another way.
  if (hasTransferEncoding && length !== undefined) throw new HttpDoubt('both a content length and a transfer encoding');
  return { length, isChunked, hasTransferEncoding, upgrade };
}

function isName(text: string, start: number, end: number, name: string): boolean {
  return text.slice(start, end).toLowerCase() === name;
}
