import { createHash, randomBytes } from 'node:crypto';
import http2, { type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseIp } from '#base/common/ip.ts';
import { acceptTunnel } from './accept-tunnel.ts';
import { encodeMessage, FrameDecoder } from './framing.ts';
import { clientSessionOptions, connectionWindowBytes, serverOptions } from './http2-options.ts';
import { managerTunnelPath, openTunnel } from './open-tunnel.ts';
import { decodeConnectionId, decodeStreamInfo, encodeConnectionId, encodeStreamInfo, type StreamInfo } from './stream-info.ts';
import { tunnelCode } from './tunnel-code.ts';
import { DialRejectedError, type TunnelDuplex } from './tunnel-duplex.ts';

function endpoint(ip: string, port: number) {
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new Error(`not an address: ${ip}`);
  return { ip: parsed, port };
}

const info: StreamInfo = {
  connectionId: { source: endpoint('198.18.0.1', 40_000), destination: endpoint('10.96.0.1', 443), protocol: 'tcp' },
  sessionId: 'abc',
  dialTimeoutMs: 5_000,
  roundtripMs: 0,
};

describe('stream-info', () => {
  it('has the bytes that other programs expect', () => {
    expect(encodeConnectionId(info.connectionId).toString('hex')).toBe('c6120001' + '9c40' + '0a600001' + '01bb' + '06');
    expect(encodeStreamInfo(info).toString('hex')).toBe(
      '02' + '00' + '80e497d012' + '0d' + 'c61200019c400a60000101bb06' + '03616263',
    );
  });

  it('survives a round trip, IPv6 and UDP included', () => {
    const other: StreamInfo = {
      ...info,
      connectionId: { source: endpoint('fd00::1', 1), destination: endpoint('fd00:10::2', 65_535), protocol: 'udp' },
    };
    expect(decodeStreamInfo(encodeStreamInfo(other))).toEqual(other);
    expect(encodeConnectionId(other.connectionId)).toHaveLength(37);
  });

  it('carries a connection between the families', () => {
    const mixed = { ...info.connectionId, source: endpoint('fd00::1', 1) };
    expect(encodeConnectionId(mixed)).toHaveLength(37);
    expect(decodeConnectionId(encodeConnectionId(mixed))).toEqual(mixed);
  });

  it('refuses what is cut short', () => {
    const bytes = encodeStreamInfo(info);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeStreamInfo(bytes.subarray(0, length))).toThrow();
    }
    expect(() => decodeConnectionId(Buffer.alloc(14))).toThrow();
  });
});

describe('framing', () => {
  it('writes a data message as gRPC and protobuf would', () => {
    expect(encodeMessage(tunnelCode.data, Buffer.from('hi')).toString('hex')).toBe(
      '00' + '00000005' + '0a' + '03' + '00' + '6869',
    );
  });

  it('reads any messages cut at any places', () => {
    const message = fc.record({ code: fc.constantFrom(0, 3, 4, 7), rest: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (messages, cuts) => {
          const wire = Buffer.concat(messages.map(({ code, rest }) => encodeMessage(code, Buffer.from(rest))));
          const data: Buffer[] = [];
          const controls: number[] = [];
          const decoder = new FrameDecoder(
            { data: (bytes) => data.push(Buffer.from(bytes)), control: (code) => controls.push(code) },
            { datagrams: false },
          );
          for (let at = 0, turn = 0; at < wire.length; turn += 1) {
            const size = cuts[turn % cuts.length] ?? 1;
            decoder.push(wire.subarray(at, at + size));
            at += size;
          }
          expect(decoder.isAtBoundary).toBe(true);
          expect(controls).toEqual(messages.filter(({ code }) => code !== 0).map(({ code }) => code));
          const expected = Buffer.concat(messages.filter(({ code }) => code === 0).map(({ rest }) => Buffer.from(rest)));
          expect(Buffer.concat(data).equals(expected)).toBe(true);
        },
      ),
    );
  });

  it('keeps datagrams whole', () => {
    const got: string[] = [];
    const decoder = new FrameDecoder(
      { data: (bytes) => got.push(bytes.toString()), control: () => undefined },
      { datagrams: true },
    );
    const wire = Buffer.concat([encodeMessage(0, Buffer.from('one')), encodeMessage(0), encodeMessage(0, Buffer.from('two'))]);
    for (const byte of wire) decoder.push(Buffer.from([byte]));
    expect(got).toEqual(['one', '', 'two']);
  });

  it('skips fields that it does not know', () => {
    const got: string[] = [];
    const decoder = new FrameDecoder(
      { data: (bytes) => got.push(bytes.toString()), control: () => undefined },
      { datagrams: true },
    );
    decoder.push(Buffer.from('00' + '00000003' + 'c23e00', 'hex'));
    decoder.push(Buffer.from('00' + '00000007' + '0a020078' + 'c23e00', 'hex'));
    expect(got).toEqual(['x']);
    expect(decoder.isAtBoundary).toBe(true);
  });

  it('refuses compression and messages above the limit', () => {
    const decoder = () => new FrameDecoder({ data: () => undefined, control: () => undefined }, { datagrams: false });
    expect(() => decoder().push(Buffer.from('0100000000', 'hex'))).toThrow('compressed');
    expect(() => decoder().push(Buffer.from('0000400001', 'hex'))).toThrow('4194305 bytes');
  });
});

describe('tunnel', () => {
  let server: Http2Server;
  let session: ClientHttp2Session;
  let onTunnel: (tunnel: TunnelDuplex, received: StreamInfo) => void;

  beforeEach(async () => {
    server = http2.createServer(serverOptions);
    server.on('session', (accepted) => accepted.setLocalWindowSize(connectionWindowBytes));
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      void acceptTunnel(stream).then(({ info: received, tunnel }) => {
        tunnel.on('error', () => undefined);
        onTunnel(tunnel, received);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, clientSessionOptions);
  });

  afterEach(() => {
    session.destroy();
    server.close();
  });

  it('tells the callee who calls where, and the caller that the dial worked', async () => {
    const got = Promise.withResolvers<StreamInfo>();
    onTunnel = (tunnel, received) => {
      got.resolve(received);
      tunnel.dialOk();
    };
    const tunnel = openTunnel(session, managerTunnelPath, info);
    await tunnel.dialled;
    expect(await got.promise).toEqual(info);
    tunnel.destroy();
  });

  it('rejects where the far side does', async () => {
    onTunnel = (tunnel) => tunnel.dialReject();
    const tunnel = openTunnel(session, managerTunnelPath, info);
    await expect(tunnel.dialled).rejects.toBeInstanceOf(DialRejectedError);
  });

  it('half-closes one way while the other goes on, and ends in order', async () => {
    onTunnel = (tunnel) => {
      tunnel.dialOk();
      void text(tunnel).then((question) => tunnel.end(`answer to ${question}`));
    };
    const tunnel = openTunnel(session, managerTunnelPath, info);
    await tunnel.dialled;
    const closed = new Promise((resolve) => tunnel.once('close', resolve));
    tunnel.end('question');
    expect(await text(tunnel)).toBe('answer to question');
    await closed;
  });

  it('takes the end of a caller that sends no close-send for a half close', async () => {
    onTunnel = (tunnel) => {
      tunnel.dialOk();
      void text(tunnel).then((question) => tunnel.end(`answer to ${question}`));
    };
    const stream = session.request(
      { ':method': 'POST', ':path': managerTunnelPath, 'content-type': 'application/grpc' },
      { endStream: false },
    );
    stream.write(encodeMessage(tunnelCode.streamInfo, encodeStreamInfo(info)));
    stream.end(encodeMessage(tunnelCode.data, Buffer.from('question')));
    expect(await text(stream)).toContain('answer to question');
  });

  it('turns a destroyed end into a reset of the other', async () => {
    onTunnel = (tunnel) => {
      tunnel.dialOk();
      tunnel.once('data', () => tunnel.destroy());
    };
    const tunnel = openTunnel(session, managerTunnelPath, info);
    await tunnel.dialled;
    const failure = new Promise<Error>((resolve) => tunnel.once('error', resolve));
    tunnel.resume();
    tunnel.write('x');
    expect(await failure).toMatchObject({ code: 'ECONNRESET' });
  });

  it('carries 32 MiB unharmed both ways', async () => {
    onTunnel = (tunnel) => {
      tunnel.dialOk();
      void pipeline(tunnel, tunnel);
    };
    const tunnel = openTunnel(session, managerTunnelPath, info);
    await tunnel.dialled;
    const block = randomBytes(1 << 20);
    const sent = createHash('sha256');
    const received = createHash('sha256');
    const reading = (async () => {
      for await (const chunk of tunnel) received.update(chunk as Buffer);
    })();
    for (let count = 0; count < 32; count += 1) {
      sent.update(block);
      if (!tunnel.write(block)) await new Promise((resolve) => tunnel.once('drain', resolve));
    }
    tunnel.end();
    await reading;
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('stops a sender whose reader stands still', async () => {
    let taken: TunnelDuplex | undefined;
    onTunnel = (tunnel) => {
      taken = tunnel;
      tunnel.dialOk();
    };
    const tunnel = openTunnel(session, managerTunnelPath, info);
    await tunnel.dialled;
    const block = Buffer.alloc(64 * 1024);
    let written = 0;
    let stalled = false;
    while (!stalled && written < 64 * 1024 * 1024) {
      if (tunnel.write(block)) written += block.length;
      else {
        const drained = new Promise((resolve) => tunnel.once('drain', () => resolve('drained')));
        const waited = new Promise((resolve) => setTimeout(resolve, 300, 'stalled'));
        stalled = (await Promise.race([drained, waited])) === 'stalled';
      }
    }
    expect(stalled).toBe(true);
    expect(written).toBeLessThan(8 * 1024 * 1024);
    expect(taken?.readableLength ?? 0).toBeLessThan(2 * 1024 * 1024);
    tunnel.destroy();
  });

  it('keeps datagrams apart, empty ones too', async () => {
    onTunnel = (tunnel) => {
      tunnel.dialOk();
      tunnel.on('data', (datagram: Buffer) => tunnel.write(datagram));
    };
    const udp: StreamInfo = { ...info, connectionId: { ...info.connectionId, protocol: 'udp' } };
    const tunnel = openTunnel(session, managerTunnelPath, udp);
    const got: string[] = [];
    const three = new Promise<void>((resolve) => {
      tunnel.on('data', (datagram: Buffer) => {
        got.push(datagram.toString());
        if (got.length === 3) resolve();
      });
    });
    for (const datagram of ['one', '', 'three']) tunnel.write(Buffer.from(datagram));
    await three;
    expect(got).toEqual(['one', '', 'three']);
    tunnel.destroy();
  });

  it('fails a tunnel whose session dies', async () => {
    onTunnel = (tunnel) => tunnel.dialOk();
    const tunnel = openTunnel(session, managerTunnelPath, info);
    await tunnel.dialled;
    const failure = new Promise<Error>((resolve) => tunnel.once('error', resolve));
    session.destroy();
    expect(await failure).toBeInstanceOf(Error);
  });
});
