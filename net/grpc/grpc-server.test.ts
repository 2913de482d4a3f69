import http2, { type ClientHttp2Session } from 'node:http2';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serverMaxConcurrentStreams } from '#net/tunnel/http2-options.ts';
import { Manager } from '#protocol/cluster/generated/manager_pb.js';
import { GrpcServer } from './grpc-server.ts';

describe('gRPC server', () => {
  let server: GrpcServer;
  let url: string;
  let sessions: Http2SessionManager;
  let raw: ClientHttp2Session;

  beforeEach(async () => {
    server = new GrpcServer({
      routes: (router) =>
        router.service(Manager, {
          version: () => ({ name: 'test', version: 'v1' }),
          arriveAsClient: ({ name }) => ({ sessionId: name }),
          async *watchLogLevel(_empty, context) {
            yield { logLevel: 'info' };
            await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
          },
        }),
      rawCalls: new Map([
        [
          '/telepresence.manager.Manager/Tunnel',
          (stream) => {
            stream.respond({ ':status': 200 });
            stream.pipe(stream);
          },
        ],
      ]),
      maxMessageBytes: 64 * 1024,
    });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    sessions = new Http2SessionManager(url);
    raw = http2.connect(url);
    raw.on('error', () => undefined);
  });

  afterEach(async () => {
    raw.destroy();
    sessions.abort();
    await server.stop(0);
  });

  const client = () => createClient(Manager, createGrpcTransport({ baseUrl: url, sessionManager: sessions }));
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).code,
    );

  it('serves functions and hand-written calls on one port', async () => {
    expect(await client().version({})).toMatchObject({ name: 'test' });
    const stream = raw.request({ ':method': 'POST', ':path': '/telepresence.manager.Manager/Tunnel' });
    stream.end('bytes');
    expect(Buffer.concat(await stream.toArray()).toString()).toBe('bytes');
  });

  it('answers UNIMPLEMENTED to what it does not know', async () => {
    expect(await codeOf(client().getLicense({}))).toBe(Code.Unimplemented);
  });

  it('refuses messages above its limit', async () => {
    expect(await codeOf(client().arriveAsClient({ name: 'x'.repeat(64 * 1024) }))).toBe(Code.ResourceExhausted);
  });

  it('allows as many streams as a laptop may ever need', async () => {
    await new Promise((resolve) => raw.once('remoteSettings', resolve));
    expect(raw.remoteSettings.maxConcurrentStreams).toBe(serverMaxConcurrentStreams);
  });

  it('sends GOAWAY and ends watches in order when it stops, and cuts what does not end', async () => {
    const watch = client().watchLogLevel({})[Symbol.asyncIterator]();
    expect((await watch.next()).value).toMatchObject({ logLevel: 'info' });
    const stuck = raw.request({ ':method': 'POST', ':path': '/telepresence.manager.Manager/Tunnel' }, { endStream: false });
    stuck.on('error', () => undefined);
    await new Promise((resolve) => stuck.once('response', resolve));
    const goaway = new Promise((resolve) => raw.once('goaway', resolve));
    const startedAt = performance.now();
    const end = watch.next();
    await server.stop(200);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await end).done).toBe(true);
    expect(await goaway).toBe(0);
    expect(server.connectionCount).toBe(0);
  });
});
