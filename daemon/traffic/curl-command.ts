import { quotedForShell } from '#base/common/shell-quote.ts';
import type { TrafficDetail, TrafficEntry, TrafficMessage } from '#protocol/local-api/traffic-api.ts';

/** Headers that curl makes itself, or that are about one connection. */
const ownHeaders = new Set(
  // The body is shown unpacked, so that its encoding goes, too.
  'host content-length connection transfer-encoding keep-alive expect te upgrade accept-encoding content-encoding'.split(' '),
);

/** A caller writes headers and targets: none of them may become an option of curl's, or the name of a file. */
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** A command that sends the request to the handler again, with the body as far as it was kept and is text. */
export function curlOf(
  entry: Extract<TrafficEntry, { kind: 'request' }>,
  { headers, body }: TrafficMessage,
): NonNullable<TrafficDetail['curl']> {
  const isCompressed = headers.some(({ name }) => name.toLowerCase() === 'accept-encoding');
  const sent = headers.filter(({ name }) => headerName.test(name) && !ownHeaders.has(name.toLowerCase()));
  const text = body.content?.kind === 'text' ? body.content.text : undefined;
  const address = addressOf(entry);
  const words = [
    'curl',
    ...(entry.method === 'HEAD' ? ['--head'] : entry.method === 'GET' && body.bytes === 0 ? [] : ['--request', entry.method]),
    // Brackets and braces would be patterns.
    ...(/[[\]{}]/.test(address) ? ['--globoff'] : []),
    address,
    ...(entry.host === undefined ? [] : ['--header', `Host: ${entry.host}`]),
    ...sent.flatMap(({ name, value }) => ['--header', value === '' ? `${name};` : `${name}: ${value}`]),
    ...(isCompressed ? ['--compressed'] : []),
    ...(body.bytes > 0 && text !== undefined ? ['--data-raw', text] : []),
  ];
  const isWhole = body.bytes === 0 || (text !== undefined && body.keptBytes === body.bytes);
  return { command: words.map(quotedForShell).join(' '), isComplete: isWhole && !headers.some(({ isHidden }) => isHidden) };
}

/** Some ask with a whole address, as a proxy is asked; what is neither is no address that curl knows. */
function addressOf({ to, path }: Extract<TrafficEntry, { kind: 'request' }>): string {
  if (path.startsWith('/')) return `http://${to}${path}`;
  return /^https?:\/\//i.test(path) ? path : `http://${to}/`;
}
