import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MuxConnection, readPreface } from './mux-connection.ts';
import {
  creditFrame,
  frameHeader,
  frameHeaderBytes,
  MuxFrameDecoder,
  MuxProtocolError,
  MuxRefusedError,
  maxMessageBytes,
  muxPreface,
  muxType,
} from './mux-frames.ts';
import { initialWindowBytes, type MuxStream } from './mux-stream.ts';

const mebibyte = 1024 * 1024;

describe('a multiplexed connection', () => {
  let client: MuxConnection;
  let server: MuxConnection;
  let ends: readonly [Duplex, Duplex];
  let accepted: MuxStream[];
  let onAccepted: (stream: MuxStream) => void;
  let onCall: (question: Buffer) => Promise<Uint8Array>;

  beforeEach(async () => {
    accepted = [];
    onAccepted = () => undefined;
    ends = duplexPair();
    const connecting = MuxConnection.connect(ends[0]);
    const { isMux, head } = await readPreface(ends[1]);
    expect(isMux).toBe(true);
    server = MuxConnection.serve(ends[1], head, {
      onStream: (stream) => {
        accepted.push(stream);
        onAccepted(stream);
      },
      onCall: async (question) => await onCall(question),
    });
    client = await connecting;
  });
  afterEach(() => {
    vi.useRealTimers();
    client.destroy();
    server.destroy();
  });

  async function pair(): Promise<{ readonly near: MuxStream; readonly far: MuxStream }> {
    const opened = new Promise<MuxStream>((resolve) => (onAccepted = resolve));
    const near = client.open();
    near.on('error', () => undefined);
    return { near, far: await opened };
  }

  it('carries bytes both ways, with half closes', async () => {
    const { near, far } = await pair();
    near.end('question');
    expect(await text(far)).toBe('question');
    far.end('answer');
    expect(await text(near)).toBe('answer');
    await expect.poll(() => [client.streamCount, server.streamCount]).toEqual([0, 0]);
    expect([near.rstCode, far.rstCode]).toEqual([0, 0]);
  });

  describe('for calls', () => {
    const never = new AbortController().signal;

    it('brings each caller the answer to its own question, in whichever order they come', async () => {
      onCall = async (question) => {
        await sleep(question[0] === 0 ? 20 : 0);
        return Buffer.concat([question, question]);
      };
      const questions = Array.from({ length: 50 }, (_, index) => Buffer.from([index, 7]));
      const answers = await Promise.all(questions.map(async (question) => await client.call(question, never)));
      expect(answers).toEqual(questions.map((question) => Buffer.concat([question, question])));
      expect(await client.call(Buffer.alloc(0), never)).toHaveLength(0);
    });

    it('carries the reason of a failure', async () => {
      onCall = async () => await Promise.reject(new ConnectError('nobody knows', Code.NotFound));
      await expect(client.call(Buffer.from('?'), never)).rejects.toMatchObject({
        code: Code.NotFound,
        rawMessage: 'nobody knows',
      });
    });

    it('refuses what is too large, either way', async () => {
      onCall = async () => await Promise.resolve(Buffer.alloc(maxMessageBytes));
      const code = Code.ResourceExhausted;
      await expect(client.call(Buffer.alloc(maxMessageBytes + 1), never)).rejects.toMatchObject({ code });
      await expect(client.call(Buffer.alloc(0), never)).rejects.toMatchObject({ code });
    });

    it('lets a caller give up, and all of them with the connection', async () => {
      const answer = Promise.withResolvers<Buffer>();
      onCall = async () => await answer.promise;
      const gone = new AbortController();
      const [first, second] = [client.call(Buffer.from('1'), gone.signal), client.call(Buffer.from('2'), never)];
      gone.abort();
      await expect(first).rejects.toMatchObject({ code: Code.Canceled });
      client.destroy();
      await expect(second).rejects.toMatchObject({ code: Code.Unavailable });
      await expect(client.call(Buffer.from('3'), never)).rejects.toMatchObject({ code: Code.Unavailable });
      answer.resolve(Buffer.alloc(0));
    });

    describe.each(['client', 'server'] as const)('that are under way when the %s closes', (closing) => {
      let answer: PromiseWithResolvers<Buffer>;
      let asked: PromiseWithResolvers<void>;
      const close = async () => {
        const [leaver, other] = closing === 'client' ? [client, server] : [server, client];
        await asked.promise;
        leaver.close();
        await expect.poll(() => other.isOpen).toBe(false);
      };

      beforeEach(() => {
        answer = Promise.withResolvers();
        asked = Promise.withResolvers();
        onCall = async () => {
          asked.resolve();
          return await answer.promise;
        };
      });

      it('waits for their answers', async () => {
        const answered = Promise.allSettled([client.call(Buffer.from('?'), never)]);
        await close();
        answer.resolve(Buffer.from('!'));
        expect(await answered).toEqual([{ status: 'fulfilled', value: Buffer.from('!') }]);
        await Promise.all([client.closed, server.closed]);
      });

      it('ends when their callers give up', async () => {
        const gone = new AbortController();
        const answered = Promise.allSettled([client.call(Buffer.from('?'), gone.signal)]);
        await close();
        expect([ends[0].writableEnded, ends[1].writableEnded]).toEqual([false, false]);
        gone.abort();
        await Promise.all([answered, client.closed, server.closed]);
        answer.resolve(Buffer.alloc(0));
      });
    });
  });

  it('keeps many streams apart, and tells who opened one', async () => {
    onAccepted = (stream) => void stream.pipe(stream);
    const texts = Array.from({ length: 200 }, (_, index) => `${index} `.repeat(index + 1));
    const answers = await Promise.all(texts.map(async (sent) => await text(client.open().end(sent))));
    expect(answers).toEqual(texts);
    expect(accepted.map(({ isCallee }) => isCallee)).not.toContain(false);
  });

  it('sends what can wait together with what cannot, or a moment later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const flights: number[] = [];
    ends[1].on('data', (chunk: Buffer) => flights.push(chunk.length));
    const stream = client.patiently(1, () => client.open());
    await nextTurn();
    expect(flights).toEqual([]);
    const first = new Promise((resolve) => (onAccepted = resolve));
    stream.write('first words');
    await first;
    await nextTurn();
    expect(flights.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * frameHeaderBytes + 'first words'.length);
    const second = new Promise((resolve) => (onAccepted = resolve));
    client.patiently(1, () => client.open());
    vi.advanceTimersByTime(1);
    await second;
  });

  it('moves what is larger than any window unchanged', async () => {
    onAccepted = (stream) => void stream.pipe(stream);
    const sent = Buffer.alloc(20 * mebibyte);
    for (let at = 0; at < sent.length; at += 4_099) sent.writeUInt8(at % 251, at);
    const received = await buffer(client.open().end(sent));
    expect(received.equals(sent)).toBe(true);
  });

  it('holds up a sender whose reader stands still, and lets others pass', async () => {
    const { near, far } = await pair();
    const block = Buffer.alloc(64 * 1024);
    let sent = 0;
    for (let turn = 0; turn < 100; turn += 1) {
      while (!near.writableNeedDrain) {
        near.write(block);
        sent += block.length;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(mebibyte);
    const other = await pair();
    other.near.end('still there');
    expect(await text(other.far)).toBe('still there');
    far.resume();
    await once(near, 'drain');
  });

  it('goes on where its reader paused in between', async () => {
    const { near, far } = await pair();
    const size = 4 * mebibyte;
    near.end(Buffer.alloc(size));
    let received = 0;
    far.on('data', (chunk: Buffer) => {
      received += chunk.length;
      far.pause();
      setImmediate(() => far.resume());
    });
    await once(far, 'end');
    expect(received).toBe(size);
  });

  it('bounds what readers that stand still hold together', async () => {
    const streams = await Promise.all(Array.from({ length: 40 }, async () => client.open()));
    for (const stream of streams) stream.write(Buffer.alloc(8 * mebibyte));
    await expect.poll(() => accepted.length).toBe(40);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const held = accepted.reduce((sum, { readableLength }) => sum + readableLength, 0);
    expect(held).toBe(40 * initialWindowBytes);
  });

  it('tells a reset of either side, which is no end', async () => {
    for (const cutBy of ['near', 'far'] as const) {
      const both = await pair();
      const other = both[cutBy === 'near' ? 'far' : 'near'];
      const isEnded = text(other).then(
        () => true,
        () => false,
      );
      both[cutBy].destroy();
      expect(await isEnded).toBe(false);
      expect(other.rstCode).not.toBe(0);
    }
    expect(client.streamCount + server.streamCount).toBe(0);
  });

  it('resets every stream when it breaks', async () => {
    const { near, far } = await pair();
    near.write('something');
    const closed = [once(near, 'close'), once(far, 'close')];
    ends[1].destroy();
    ends[0].destroy();
    await Promise.all([...closed, client.closed, server.closed]);
    expect([near.aborted, far.aborted]).toEqual([true, true]);
    expect(client.isOpen).toBe(false);
  });

  it('lets streams end when it is closed, and opens no new ones', async () => {
    const { near, far } = await pair();
    server.close();
    await expect.poll(() => client.isOpen).toBe(false);
    near.end('last');
    expect(await text(far)).toBe('last');
    far.end();
    near.resume();
    await Promise.all([client.closed, server.closed]);
  });

  it('answers pings, and notices a peer that does not', async () => {
    await client.ping(1_000);
    await server.ping(1_000);
    ends[1].pause();
    await expect(client.ping(20)).rejects.toThrow('The peer does not answer');
    client.keepAlive({ everyMs: 10, timeoutMs: 10 });
    await client.closed;
  });

  it('ends where the peer sends more than it may, or what is no frame', async () => {
    ends[0].write(
      Buffer.concat([frameHeader(1, muxType.open), frameHeader(1, muxType.data, 2 * mebibyte), Buffer.alloc(mebibyte)]),
    );
    await server.closed;
  });
});

describe('the beginning of a connection', () => {
  it('is told from another protocol by its first byte, and nothing is lost', async () => {
    const [one, other] = duplexPair();
    one.write('PRI * HTTP/2.0');
    expect(await readPreface(other)).toEqual({ isMux: false, head: Buffer.from('PRI * HTTP/2.0') });
  });

  it('may come byte by byte, with frames behind it', async () => {
    const [one, other] = duplexPair();
    const reading = readPreface(other);
    for (const byte of muxPreface) one.write(Buffer.from([byte]));
    one.write('rest');
    const { isMux, head } = await reading;
    expect([isMux, head.toString()]).toEqual([true, '']);
    other.resume();
    expect(String((await once(other, 'data'))[0])).toBe('rest');
  });

  it('is refused by a peer that speaks something else, or ends', async () => {
    const [one, other] = duplexPair();
    other.write(Buffer.from([0, 0, 0, 4]));
    await expect(MuxConnection.connect(one)).rejects.toBeInstanceOf(MuxRefusedError);
    expect(one.destroyed).toBe(true);
    const [third, fourth] = duplexPair();
    fourth.end();
    await expect(MuxConnection.connect(third)).rejects.toBeInstanceOf(MuxProtocolError);
  });
});

describe('frames', () => {
  const input = Buffer.concat([
    frameHeader(1, muxType.open),
    frameHeader(1, muxType.data, 5),
    Buffer.from('hello'),
    creditFrame(70_000, 2 ** 31),
    frameHeader(0, muxType.ping),
    frameHeader(5, muxType.call, 8),
    Buffer.from('question'),
    frameHeader(6, muxType.answer),
    frameHeader(1, muxType.end),
  ]);

  it.each([1, 2, 3, 7, 8, 11, 12, 13, input.length])('come out the same in chunks of %i bytes', (size) => {
    const events: unknown[] = [];
    const data: string[] = [];
    const decoder = new MuxFrameDecoder({
      data: (_stream, bytes) => data.push(bytes.toString()),
      control: (stream, type) => events.push([stream, type]),
      credit: (stream, bytes) => events.push([stream, bytes]),
      message: (call, type, payload) => events.push([call, type, payload.toString()]),
    });
    for (let at = 0; at < input.length; at += size) decoder.push(input.subarray(at, at + size));
    expect(data.join('')).toBe('hello');
    expect(events).toEqual([
      [1, muxType.open],
      [70_000, 2 ** 31],
      [0, muxType.ping],
      [5, muxType.call, 'question'],
      [6, muxType.answer, ''],
      [1, muxType.end],
    ]);
  });

  it.each([
    ['a type that there is not', frameHeader(1, 10)],
    ['a call that is too long', frameHeader(1, muxType.call, maxMessageBytes + 1)],
    ['a control frame with a payload', frameHeader(1, muxType.end, 1)],
    ['a credit of a strange length', frameHeader(1, muxType.credit, 3)],
  ])('are refused: %s', (_name, bad) => {
    const ignore = () => undefined;
    const decoder = new MuxFrameDecoder({ data: ignore, control: ignore, credit: ignore, message: ignore });
    expect(() => decoder.push(Buffer.concat([bad, Buffer.alloc(8)]))).toThrow(MuxProtocolError);
  });
});
