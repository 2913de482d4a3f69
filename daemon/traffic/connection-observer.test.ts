import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ConnectionObserver, recordRefused } from './connection-observer.ts';
import { rawTraffic } from './raw-traffic.ts';
import { maxRecent, TrafficRecorder } from './traffic-recorder.ts';

const place = { engagement: 'web', from: '10.42.0.7:40000', to: '127.0.0.1:8080' } as const;

/** Both directions of one connection; the observer sees what is written at once. */
function connection(recorder: TrafficRecorder) {
  const caller = new PassThrough();
  const handler = new PassThrough();
  const received = { caller: [] as Buffer[], handler: [] as Buffer[] };
  caller.on('data', (chunk: Buffer) => received.caller.push(chunk));
  handler.on('data', (chunk: Buffer) => received.handler.push(chunk));
  new ConnectionObserver(recorder, place).follow(caller, handler);
  const pass = async (stream: PassThrough, text: string) => {
    stream.write(Buffer.from(text, 'latin1'));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    received,
    asks: async (text: string) => await pass(caller, text),
    answers: async (text: string) => await pass(handler, text),
    async ends() {
      caller.end();
      handler.end();
      await new Promise((resolve) => setImmediate(resolve));
    },
    async breaks() {
      handler.destroy();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const entries = (recorder: TrafficRecorder) => recorder.changedSince(0, undefined).map((record) => record.entry());

describe('what is recorded of a connection', () => {
  it('is each request, from its head to its end, and only what was asked of its body', async () => {
    const recorder = new TrafficRecorder();
    const { asks, answers, ends } = connection(recorder);
    await asks('POST /orders?token=abc&x=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello');
    expect(entries(recorder)).toMatchObject([{ kind: 'request', state: 'open', inBytes: 5 }]);
    await answers('HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok');
    using _bodies = recorder.watchBodies();
    await asks('POST /second HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\ntwo');
    await answers('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await ends();
    const found = entries(recorder);
    expect(found).toMatchObject([
      { method: 'POST', path: '/orders?token=[hidden]&x=1', host: 'shop', status: 201, state: 'done', inBytes: 5, outBytes: 2 },
      { path: '/second', state: 'done', ...place },
    ]);
    expect(found[0]?.durationMs).toBeGreaterThanOrEqual(0);
    const bodies = [1, 2].map((id) => recorder.get(id)).map((record) => record && rawTraffic(record).request?.body);
    expect(bodies.map((body) => body && Buffer.from(body).toString())).toEqual([undefined, 'two']);
  });

  it('is a request that has failed, where the connection breaks before its end', async () => {
    const recorder = new TrafficRecorder();
    const { asks, answers, breaks } = connection(recorder);
    await asks('GET / HTTP/1.1\r\n\r\n');
    await answers('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf');
    await breaks();
    const endless = connection(recorder);
    await endless.asks('GET /endless HTTP/1.0\r\n\r\n');
    await endless.answers('HTTP/1.0 200 OK\r\n\r\nhalf');
    await endless.breaks();
    const whole = connection(recorder);
    await whole.asks('GET /whole HTTP/1.0\r\n\r\n');
    await whole.answers('HTTP/1.0 200 OK\r\n\r\nall');
    await whole.ends();
    expect(entries(recorder)).toMatchObject([
      { status: 200, state: 'failed', outBytes: 4 },
      { path: '/endless', state: 'failed' },
      { path: '/whole', state: 'done' },
    ]);
  });

  it('is the request and then the connection, where it becomes a WebSocket', async () => {
    const recorder = new TrafficRecorder();
    const { asks, answers, ends } = connection(recorder);
    await asks('GET /live HTTP/1.1\r\nUpgrade: websocket\r\n\r\n');
    await answers('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nabc');
    await asks('defgh');
    await ends();
    expect(entries(recorder)).toMatchObject([
      { kind: 'request', status: 101, state: 'done' },
      { kind: 'connection', protocol: 'websocket', path: '/live', inBytes: 5, outBytes: 3, state: 'done' },
    ]);
  });

  it.each([
    ['http2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['tls', '\x16\x03\x01\x00\x05hello'],
    ['tcp', '\x00\x01binary'],
  ])('is the connection, where it is %s', async (protocol, text) => {
    const recorder = new TrafficRecorder();
    const { asks, answers, ends } = connection(recorder);
    await asks(text);
    await answers('some answer');
    await ends();
    expect(entries(recorder)).toMatchObject([
      { kind: 'connection', protocol, inBytes: text.length, outBytes: 11, state: 'done' },
    ]);
  });

  it('is the connection with all its bytes, where it looks like a request at first, or nothing follows', async () => {
    const recorder = new TrafficRecorder();
    const late = connection(recorder);
    await late.asks('HELO ');
    await late.asks('somebody\r\n');
    await late.ends();
    const never = connection(recorder);
    await never.asks('GET /');
    await never.ends();
    expect(entries(recorder)).toMatchObject([
      { protocol: 'tcp', inBytes: 15 },
      { protocol: 'tcp', inBytes: 5 },
    ]);
  });

  it('is the rest of the connection, where its bytes are in doubt, and every byte is passed on', async () => {
    const recorder = new TrafficRecorder();
    const { asks, answers, ends, received } = connection(recorder);
    const sent = ['GET / HTTP/1.1\r\n\r\n', 'GET /x HTTP/1.1\nbare\n\n'];
    for (const text of sent) await asks(text);
    await answers('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    await ends();
    expect(entries(recorder)).toMatchObject([
      { kind: 'request', path: '/', state: 'failed' },
      { kind: 'connection', protocol: 'tcp', inBytes: 22 },
    ]);
    expect(Buffer.concat(received.caller).toString()).toBe(sent.join(''));
  });

  it('is a connection that nobody used, and one that nothing took', async () => {
    const recorder = new TrafficRecorder();
    await connection(recorder).ends();
    recordRefused(recorder, place);
    expect(entries(recorder)).toMatchObject([
      { protocol: 'tcp', inBytes: 0, state: 'done' },
      { protocol: 'refused', state: 'failed' },
    ]);
  });

  it('is bounded, and the observer leaves the connection alone where it fails itself', async () => {
    const recorder = new TrafficRecorder();
    const { asks, answers, received } = connection(recorder);
    for (let count = 0; count < maxRecent + 10; count += 1) {
      await asks('GET / HTTP/1.1\r\n\r\n');
      await answers('HTTP/1.1 204 No Content\r\n\r\n');
    }
    expect(entries(recorder)).toHaveLength(maxRecent);
    recorder.begin = () => {
      throw new Error('a defect');
    };
    const before = received.caller.length;
    await asks('GET / HTTP/1.1\r\n\r\n');
    expect(received.caller).toHaveLength(before + 1);
  });
});
