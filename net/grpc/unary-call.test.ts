import http2, { type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DNSRequest, Manager } from '#protocol/cluster/generated/manager_pb.js';
import { callUnary, serveUnary } from './unary-call.ts';

const method = Manager.method.lookupDNS;
const path = '/telepresence.manager.Manager/LookupDNS';
const signal = AbortSignal.timeout(30_000);

async function answer({ name }: DNSRequest): Promise<{ rCode: number; rrs: Uint8Array }> {
  if (name === 'unknown.') throw new ConnectError('No such session: 100 %', Code.NotFound);
  if (name === 'never.') await new Promise(() => undefined);
  return { rCode: 3, rrs: Uint8Array.from([1, 2, 3]) };
}

describe('unary calls by hand', () => {
  let byHand: Http2Server;
  let byConnect: Http2Server;
  const sessions: ClientHttp2Session[] = [];

  beforeEach(async () => {
    byHand = http2.createServer();
    byHand.on(
      'stream',
      (stream) =>
        void serveUnary(
          stream.on('error', () => undefined),
          method,
          answer,
        ),
    );
    byConnect = http2.createServer(connectNodeAdapter({ routes: (router) => router.service(Manager, { lookupDNS: answer }) }));
    for (const server of [byHand, byConnect]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    for (const session of sessions.splice(0)) session.destroy();
    byHand.close();
    byConnect.close();
  });

  const originOf = (server: Http2Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sessionWith = (server: Http2Server) => {
    const session = http2.connect(originOf(server));
    sessions.push(session);
    return session;
  };

  it.each([
    ['one of ours', () => byHand],
    ['one of Connect', () => byConnect],
  ])('are understood by a server that is %s', async (_name, server) => {
    const session = sessionWith(server());
    expect(await callUnary(session, path, method, { name: 'web.', type: 1 }, signal)).toMatchObject({ rCode: 3 });
    await expect(callUnary(session, path, method, { name: 'unknown.' }, signal)).rejects.toMatchObject({
      code: Code.NotFound,
      rawMessage: 'No such session: 100 %',
    });
  });

  it('are served to a client of Connect', async () => {
    const client = createClient(Manager, createGrpcTransport({ baseUrl: originOf(byHand) }));
    expect((await client.lookupDNS({ name: 'web.' })).rrs).toEqual(Uint8Array.from([1, 2, 3]));
    await expect(client.lookupDNS({ name: 'unknown.' })).rejects.toMatchObject({ code: Code.NotFound });
  });

  it('end when the caller gives up, and when the session does', async () => {
    const session = sessionWith(byHand);
    await expect(callUnary(session, path, method, { name: 'never.' }, AbortSignal.timeout(50))).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
    const pending = callUnary(session, path, method, { name: 'never.' }, signal);
    session.destroy();
    await expect(pending).rejects.toMatchObject({ code: Code.Unavailable });
  });
});
