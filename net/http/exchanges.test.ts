import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Exchanges } from './exchanges.ts';
import { headerList } from './message-head.ts';
import { maxHeadBytes } from './message-reader.ts';

interface Seen {
  method: string;
  target: string;
  status?: number;
  request: string;
  response: string;
  isEnded: boolean;
}

function observe(): { readonly exchanges: Exchanges<Seen>; readonly seen: Seen[] } {
  const seen: Seen[] = [];
  const exchanges = new Exchanges<Seen>({
    request({ method, target }) {
      const exchange: Seen = { method, target, request: '', response: '', isEnded: false };
      seen.push(exchange);
      return exchange;
    },
    requestContent(exchange, chunk, start, end) {
      exchange.request += Buffer.from(chunk.subarray(start, end)).toString('latin1');
    },
    response(exchange, { status }) {
      exchange.status = status;
    },
    responseContent(exchange, chunk, start, end) {
      exchange.response += Buffer.from(chunk.subarray(start, end)).toString('latin1');
    },
    ended(exchange) {
      exchange.isEnded = true;
    },
  });
  return { exchanges, seen };
}

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: shop\r\n${headers}\r\n`;
const ok = (body: string, headers = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;

/** Both sides of a conversation: `>` is the client's. */
function play(parts: readonly (readonly [side: '>' | '<', text: string])[], pieceBytes = Number.POSITIVE_INFINITY) {
  const { exchanges, seen } = observe();
  for (const [side, text] of parts) {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      if (side === '>') exchanges.fromClient(piece);
      else exchanges.fromServer(piece);
    }
  }
  return { exchanges, seen };
}

const conversation = [
  ['>', `POST /orders?x=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello${get('/second')}`],
  ['<', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'],
  [
    '<',
    'HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n4;name="x"\r\nabcd\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX-Sum: 1\r\n\r\n',
  ],
  ['<', ok('two')],
  ['>', `HEAD /third HTTP/1.1\r\nHost: shop\r\n\r\n`],
  ['<', 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'],
  ['>', `PUT /fourth HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`],
  ['<', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['>', get('/fifth')],
  ['<', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n'],
] as const;
const whole: readonly Seen[] = [
  {
    method: 'POST',
    target: '/orders?x=1',
    status: 201,
    request: 'hello',
    response: 'abcdabcdefghijklmnopqrstuvwxyz',
    isEnded: true,
  },
  { method: 'GET', target: '/second', status: 200, request: '', response: 'two', isEnded: true },
  { method: 'HEAD', target: '/third', status: 200, request: '', response: '', isEnded: true },
  { method: 'PUT', target: '/fourth', status: 204, request: 'abc', response: '', isEnded: true },
  { method: 'GET', target: '/fifth', status: 304, request: '', response: '', isEnded: true },
];

describe('exchanges of a connection', () => {
  it('are told from bodies of every kind, interim responses, pipelining, HEAD, 204 and 304', () => {
    const { exchanges, seen } = play(conversation);
    expect(seen).toEqual(whole);
    expect(exchanges.over).toBeUndefined();
  });

  it('are the same byte by byte, and in pieces of any size', () => {
    expect(play(conversation, 1).seen).toEqual(whole);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (pieceBytes) => {
        expect(play(conversation, pieceBytes).seen).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  it('are the same for any bodies, by length or in chunks, in any pieces', () => {
    const body = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 });
    const message = fc.record({ body, isChunked: fc.boolean(), split: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, message), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 90 }),
        (pairs, piece) => {
          const parts = pairs.flatMap(([request, response], index) => [
            ['>', `POST /${index} HTTP/1.1\r\n${wireBody(request)}`] as const,
            ['<', `HTTP/1.1 200 OK\r\n${wireBody(response)}`] as const,
          ]);
          const { exchanges, seen } = play(parts, piece);
          expect(exchanges.over).toBeUndefined();
          expect(seen.map(({ request, response }) => [request, response])).toEqual(
            pairs.map(([request, response]) => [request.body, response.body]),
          );
          expect(seen.every(({ isEnded }) => isEnded)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('never throw, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 80 })), { maxLength: 12 }), (pieces) => {
        const { exchanges } = observe();
        exchanges.fromClient(Buffer.from(get('/')));
        for (const [isClient, bytes] of pieces) {
          if (isClient) exchanges.fromClient(Buffer.from(bytes));
          else exchanges.fromServer(Buffer.from(bytes));
        }
      }),
    );
  });

  it('end with the connection, where a response has no other end', () => {
    const { exchanges, seen } = play([
      ['>', 'GET / HTTP/1.0\r\n\r\n'],
      ['<', 'HTTP/1.0 200 OK\r\n\r\nall that '],
      ['<', 'there is'],
    ]);
    expect(seen[0]).toMatchObject({ response: 'all that there is', isEnded: false });
    exchanges.serverEnded();
    expect(seen[0]?.isEnded).toBe(true);
  });

  it('are over with a switch of protocols, and what follows is not read', () => {
    const upgrade = get('/live', 'Connection: Upgrade\r\nUpgrade: websocket\r\n');
    const { exchanges, seen } = play([['>', upgrade]]);
    const answer = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\nframes');
    expect(exchanges.fromServer(answer)).toBe(answer.length - 'frames'.length);
    expect(seen[0]).toMatchObject({ status: 101, isEnded: true });
    expect(exchanges.over).toEqual({ kind: 'switched', protocol: 'websocket', target: '/live' });
    expect(exchanges.fromClient(Buffer.from(get('/not-http')))).toBe(0);
    expect(play([['>', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']], 3).exchanges.over).toMatchObject({ protocol: 'http2' });
    const tunnel = play([
      ['>', 'CONNECT db:5432 HTTP/1.1\r\n\r\n'],
      ['<', 'HTTP/1.1 200 OK\r\n\r\nraw'],
    ]);
    expect(tunnel.exchanges.over).toEqual({ kind: 'switched', protocol: 'tcp', target: 'db:5432' });
  });

  it.each([
    ['another protocol', [['>', '\x16\x03\x01 hello\r\n']]],
    ['a greeting of the server', [['<', '220 mail ready\r\n']]],
    ['commands of another protocol', [['>', '*1\r\n$4\r\nPING\r\n']]],
    ['a length and chunks', [['>', 'POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n']]],
    ['two lengths', [['>', 'POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n']]],
    ['a length that is no number', [['>', 'POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n']]],
    ['an encoding that is not known', [['>', 'POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n']]],
    ['a folded header', [['>', 'GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n']]],
    ['a space before a colon', [['>', 'GET / HTTP/1.1\r\nContent-Length : 3\r\n\r\n']]],
    ['bare line feeds', [['>', 'GET / HTTP/1.1\nHost: a\r\n\r\n']]],
    ['a bare line feed in a header', [['>', 'GET / HTTP/1.1\r\nA: b\nContent-Length: 5\r\n\r\n']]],
    ['a bare carriage return', [['>', 'GET / HTTP/1.1\r\nA: b\rContent-Length: 5\r\n\r\n']]],
    ['a chunk without a size', [['>', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n']]],
    ['a chunk that is longer than it says', [['>', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n']]],
    ['a head without an end', [['>', `GET / HTTP/1.1\r\nA: ${'x'.repeat(maxHeadBytes)}`]]],
    ['trailers without an end', [['>', `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ${'x'.repeat(20_000)}`]]],
    [
      'a response to nothing',
      [
        ['>', get('/')],
        ['<', ok('a') + ok('b')],
      ],
    ],
  ] as const)('are over where there is %s', (_what, parts) => {
    for (const pieceBytes of [1, 7, Number.POSITIVE_INFINITY]) {
      const copy = parts.map(([side, text]) => [side, text] as const);
      expect(play(copy, pieceBytes).exchanges.over?.kind).toBe('doubt');
    }
  });

  it('name the headers as they were sent', () => {
    expect(headerList('GET / HTTP/1.1\r\nHost: a:80\r\nSet-Cookie: x=1\r\nset-cookie:y=2')).toEqual([
      { name: 'Host', value: 'a:80' },
      { name: 'Set-Cookie', value: 'x=1' },
      { name: 'set-cookie', value: 'y=2' },
    ]);
  });
});

function wireBody({
  body,
  isChunked,
  split,
}: {
  readonly body: string;
  readonly isChunked: boolean;
  readonly split: number;
}): string {
  if (!isChunked) return `Content-Length: ${body.length}\r\n\r\n${body}`;
  const chunks = body.match(new RegExp(`[\\s\\S]{1,${split}}`, 'g')) ?? [];
  return `Transfer-Encoding: chunked\r\n\r\n${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
}
