import type { TrafficDetail, TrafficEntry, TrafficMessage } from '#protocol/local-api/traffic-api.ts';

/** For programs: names as in the other commands' documents. */
export function trafficDocument(entry: TrafficEntry, detail?: TrafficDetail): Record<string, unknown> {
  const { kind, id, engagement, time, state, from, to, inBytes, outBytes } = entry;
  return {
    id,
    kind,
    engagement,
    time,
    state,
    ...(entry.durationMs === undefined ? {} : { duration_ms: entry.durationMs }),
    ...(entry.kind === 'request'
      ? { method: entry.method, path: entry.path, host: entry.host, status: entry.status }
      : { protocol: entry.protocol, path: entry.path }),
    in_bytes: inBytes,
    out_bytes: outBytes,
    from,
    to,
    ...(detail?.request === undefined ? {} : { request: messageDocument(detail.request) }),
    ...(detail?.response === undefined ? {} : { response: messageDocument(detail.response) }),
    ...(detail?.curl === undefined ? {} : { curl: detail.curl.command }),
  };
}

/** One line. */
export function trafficLine(entry: TrafficEntry): string {
  const what = entry.kind === 'request' ? entry.method : protocolNames[entry.protocol];
  const path = entry.path ?? '-';
  const duration = entry.durationMs === undefined ? '-' : `${entry.durationMs.toFixed(entry.durationMs < 10 ? 1 : 0)} ms`;
  const bytes = entry.kind === 'request' ? entry.outBytes : entry.inBytes + entry.outBytes;
  const columns = [
    entry.time.slice(11, 23),
    entry.engagement,
    what.padEnd(7),
    statusWord(entry).padEnd(7),
    duration.padStart(9),
    `${bytes} B`.padStart(10),
    `${entry.from} -> ${entry.to}`,
    path,
  ];
  return printable(columns.join('  '));
}

/** Headers and bodies of a request, below its line. */
export function trafficDetailLines({ request, response }: TrafficDetail): string[] {
  return [...messageLines('>', request), ...messageLines('<', response)];
}

const protocolNames = { http2: 'HTTP/2', tls: 'TLS', websocket: 'WS', tcp: 'TCP', udp: 'UDP', refused: 'refused' } as const;

function statusWord(entry: TrafficEntry): string {
  if (entry.kind === 'connection') return entry.state === 'done' ? 'closed' : entry.state;
  if (entry.state === 'failed') return 'failed';
  return entry.status === undefined ? 'open' : String(entry.status);
}

function messageLines(sign: string, message: TrafficMessage | undefined): string[] {
  if (message === undefined) return [];
  const { startLine, headers, body } = message;
  const text = body.content?.kind === 'text' ? body.content.text.split('\n') : [];
  const left = body.bytes - body.keptBytes;
  const rest =
    body.content?.kind === 'binary' ? [`(${body.bytes} bytes that are not text)`] : left > 0 ? [`(${left} more bytes)`] : [];
  return [startLine, ...headers.map(({ name, value }) => `${name}: ${value}`), '', ...text, ...rest].map((line) =>
    printable(`  ${sign} ${line}`).trimEnd(),
  );
}

function messageDocument({ startLine, headers, isCut, body }: TrafficMessage): Record<string, unknown> {
  const { bytes, keptBytes, content } = body;
  return {
    start_line: startLine,
    headers: headers.map(({ name, value, isHidden }) => ({ name, value, ...(isHidden ? { hidden: true } : {}) })),
    ...(isCut ? { cut: true } : {}),
    body: {
      bytes,
      kept_bytes: keptBytes,
      ...(content === undefined ? {} : content.kind === 'text' ? { text: content.text } : { base64: content.base64 }),
    },
  };
}

/** What a caller wrote may not control the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (character === '\t' ? ' ' : '\uFFFD'));
}
