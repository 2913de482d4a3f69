import { productVersion } from '#base/common/version.ts';
import type { TrafficDetail, TrafficHeader, TrafficMessage } from '#protocol/local-api/traffic-api.ts';

const redactedComment =
  'Redacted: values of headers and of parameters of queries that let somebody in are hidden, and bodies are left out.';
const revealedComment = 'Not redacted: this file may hold credentials. Bodies are cut off after 16 KiB.';

/** Requests as a HTTP archive, version 1.2. `isRevealed` says whether the details are, too. */
export function harOf(details: readonly TrafficDetail[], isRevealed: boolean): string {
  const log = {
    version: '1.2',
    creator: { name: 'Telepresence Desktop', version: productVersion },
    comment: isRevealed ? revealedComment : redactedComment,
    entries: details.flatMap((detail) => harEntry(detail, isRevealed)),
  };
  return JSON.stringify({ log }, undefined, 2);
}

function harEntry({ entry, request, response }: TrafficDetail, isRevealed: boolean): object[] {
  if (entry.kind !== 'request' || request === undefined) return [];
  const url = entry.path.startsWith('/') ? `http://${entry.host ?? entry.to}${entry.path}` : entry.path;
  const time = entry.durationMs ?? 0;
  return [
    {
      startedDateTime: entry.time,
      time,
      request: {
        method: entry.method,
        url,
        ...messageOf(request, lastWord(request.startLine)),
        queryString: queryOf(entry.path),
        ...(request.body.bytes === 0
          ? {}
          : { postData: { mimeType: valueOf(request, 'content-type'), text: '', ...contentOf(request, isRevealed) } }),
      },
      response: responseOf(response, isRevealed),
      cache: {},
      timings: { send: 0, wait: time, receive: 0 },
      serverIPAddress: entry.to,
      comment: `${entry.engagement}, from ${entry.from}${entry.state === 'done' ? '' : `, ${entry.state}`}`,
    },
  ];
}

/** A status of 0 is what archives have for none. */
function responseOf(response: TrafficMessage | undefined, isRevealed: boolean): object {
  const [version = '', status = '0', ...words] = response?.startLine.split(' ') ?? [];
  const message = response ?? { startLine: '', headers: [], isCut: false, body: { bytes: 0, keptBytes: 0 } };
  return {
    status: Number(status),
    statusText: words.join(' '),
    ...messageOf(message, version),
    content: {
      size: message.body.bytes,
      mimeType: valueOf(message, 'content-type'),
      ...contentOf(message, isRevealed),
    },
    redirectURL: valueOf(message, 'location'),
  };
}

function messageOf({ headers, body }: TrafficMessage, httpVersion: string): object {
  // Cookies are headers, too: there they are hidden or not.
  return { httpVersion, cookies: [], headers: headers.map(pairOf), headersSize: -1, bodySize: body.bytes };
}

function contentOf({ body }: TrafficMessage, isRevealed: boolean): object {
  if (!isRevealed) return { comment: `${body.bytes} bytes, left out` };
  const { content, keptBytes, bytes } = body;
  if (content === undefined) return { comment: `${bytes} bytes, which were not kept` };
  const comment = keptBytes < bytes ? { comment: `The first ${keptBytes} of ${bytes} bytes` } : {};
  return content.kind === 'text' ? { text: content.text, ...comment } : { text: content.base64, encoding: 'base64', ...comment };
}

function queryOf(path: string): object[] {
  const query = path.indexOf('?');
  if (query === -1) return [];
  return [...new URLSearchParams(path.slice(query + 1))].map(([name, value]) => ({ name, value }));
}

function pairOf({ name, value }: TrafficHeader): object {
  return { name, value };
}

function valueOf({ headers }: TrafficMessage, wanted: string): string {
  return headers.find(({ name }) => name.toLowerCase() === wanted)?.value ?? '';
}

function lastWord(line: string): string {
  return line.split(' ').at(-1) ?? '';
}
