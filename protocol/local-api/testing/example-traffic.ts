import type { TrafficDetail, TrafficEntry, TrafficMessage } from '../traffic-api.ts';

/** Traffic for tests of the daemon's clients, each a plain one that a test changes where it matters. */

type RequestEntry = Extract<TrafficEntry, { kind: 'request' }>;
type ConnectionEntry = Extract<TrafficEntry, { kind: 'connection' }>;

export function exampleRequest(change: Partial<RequestEntry> = {}): RequestEntry {
  return {
    kind: 'request',
    id: 1,
    engagement: 'cart',
    time: '2026-01-01T12:00:00.123Z',
    durationMs: 12.5,
    state: 'done',
    from: '10.42.0.7:40000',
    to: '127.0.0.1:8080',
    inBytes: 0,
    outBytes: 27,
    method: 'GET',
    path: '/items?n=7',
    host: 'cart.shop',
    status: 200,
    ...change,
  };
}

export function exampleConnectionEntry(change: Partial<ConnectionEntry> = {}): ConnectionEntry {
  return {
    kind: 'connection',
    id: 2,
    engagement: 'cart',
    time: '2026-01-01T12:00:01.000Z',
    state: 'open',
    from: '10.42.0.9:40001',
    to: '127.0.0.1:8080',
    inBytes: 512,
    outBytes: 2_048,
    protocol: 'websocket',
    path: '/live',
    ...change,
  };
}

const message: TrafficMessage = { startLine: '', headers: [], isCut: false, body: { bytes: 0, keptBytes: 0 } };

/** With a secret in it, which is hidden unless `reveal`. */
export function exampleDetail(entry: RequestEntry, reveal: boolean): TrafficDetail {
  const text = '{"id":7,"name":"tea"}';
  return {
    entry,
    request: {
      ...message,
      startLine: `${entry.method} ${entry.path} HTTP/1.1`,
      headers: [
        { name: 'Host', value: entry.host ?? '', isHidden: false },
        { name: 'Authorization', value: reveal ? 'Bearer t0psecret' : '[hidden]', isHidden: !reveal },
      ],
    },
    ...(entry.status === undefined
      ? {}
      : {
          response: {
            ...message,
            startLine: `HTTP/1.1 ${entry.status} OK`,
            headers: [{ name: 'Content-Type', value: 'application/json', isHidden: false }],
            body: { bytes: 20_000, keptBytes: text.length, content: { kind: 'text', text } },
          },
        }),
    curl: { command: `curl 'http://${entry.to}${entry.path}'`, isComplete: reveal },
  };
}
