import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { silentLogger } from '#base/common/log.ts';
import type { MessageChannel } from '#net/rpc/channel.ts';
import { createApiClient } from '#net/rpc/client.ts';
import { type Handlers, untilAborted } from '#net/rpc/handlers.ts';
import { serveChannel } from '#net/rpc/server.ts';
import { readState } from '#net/rpc/state-mirror.ts';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import { webSocketChannel } from '#net/rpc/web-socket-channel.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { ownerOf } from './request-guard.ts';
import { UiHost } from './ui-host.ts';
import { UiSessions } from './ui-sessions.ts';

let directory = '';
const hosts: UiHost[] = [];
const sockets: WebSocket[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ui-'));
  mkdirSync(join(directory, 'page', 'assets'), { recursive: true });
  writeFileSync(join(directory, 'page', 'index.html'), '<title>window</title>');
  writeFileSync(join(directory, 'page', 'assets', 'main-1a2B3c4D.js'), 'export {};');
  writeFileSync(join(directory, 'secret.txt'), 'secret');
  symlinkSync(join(directory, 'secret.txt'), join(directory, 'page', 'link.txt'));
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  for (const host of hosts.splice(0)) await host.stop();
  rmSync(directory, { recursive: true, force: true });
});

const sessionsFile = () => join(directory, 'sessions.json');

function start(onChannel: (channel: MessageChannel) => void = echo): UiHost {
  const host = new UiHost({
    pageDirectory: join(directory, 'page'),
    sessionsFile: sessionsFile(),
    onChannel,
    logger: silentLogger,
  });
  hosts.push(host);
  return host;
}

function echo(channel: MessageChannel): void {
  channel.open({ message: (value) => channel.send({ echoed: value }), closed: () => undefined });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

async function get(origin: string, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { port } = new URL(origin);
  const outgoing = httpRequest({ host: '127.0.0.1', port, path, method, headers: { host: `127.0.0.1:${port}`, ...headers } });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

interface Page {
  readonly socket: WebSocket;
  /** What the server had the browser keep. */
  readonly cookie: string | undefined;
}

/** As a page does; rejects with the status of a refusal. */
async function connect(url: string, options: { cookie?: string; origin?: string; token?: string } = {}): Promise<Page> {
  const { host, origin, hash } = new URL(url);
  const token = options.token ?? hash.replace('#token=', '');
  const socket = new WebSocket(`ws://${host}/api`, ['telepresence.v1', `token.${token}`], {
    origin: options.origin ?? origin,
    headers: options.cookie === undefined ? {} : { cookie: options.cookie },
  });
  sockets.push(socket);
  let cookie: string | undefined;
  socket.on('upgrade', ({ headers }) => (cookie = headers['set-cookie']?.[0]?.split(';')[0]));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  return { socket, cookie };
}

describe('UiHost', () => {
  it('serves the page with a strict policy, and nothing outside of its folder', async () => {
    const { origin } = new URL(await start().open());
    const page = await get(origin, '/');
    expect(page).toMatchObject({ status: 200, text: '<title>window</title>' });
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
    const script = await get(origin, '/assets/main-1a2B3c4D.js');
    expect(script.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'private, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    const again = await get(origin, '/assets/main-1a2B3c4D.js', { 'if-none-match': script.headers.etag ?? '' });
    expect(again.status).toBe(304);
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/link.txt',
      '/assets',
      '/none.js',
      '/%00.js',
    ])
      expect((await get(origin, path)).status, path).toBe(404);
    expect((await get(origin, '/', {}, 'POST')).status).toBe(405);
  });

  it('refuses a page whose name was pointed to the loopback, and requests of other pages', async () => {
    const { origin, port } = new URL(await start().open());
    expect((await get(origin, '/', { host: `evil.example:${port}` })).status).toBe(403);
    expect((await get(origin, '/', { host: '127.0.0.1' })).status).toBe(403);
    expect((await get(origin, '/', { origin: 'http://evil.example' })).status).toBe(403);
    expect((await get(origin, '/', { host: `localhost:${port}` })).status).toBe(200);
  });

  it('carries messages, in order, both ways', async () => {
    const { socket } = await connect(await start().open());
    expect(socket.protocol).toBe('telepresence.v1');
    const channel = webSocketChannel(socket);
    const received: unknown[] = [];
    const both = new Promise<void>((resolve) => {
      channel.open({
        message: (value) => {
          received.push(value);
          if (received.length === 2) resolve();
        },
        closed: () => undefined,
      });
    });
    channel.send({ id: 1, text: 'Grüße' });
    channel.send({ id: 2 });
    await both;
    expect(received).toEqual([{ echoed: { id: 1, text: 'Grüße' } }, { echoed: { id: 2 } }]);
    channel.close();
    await once(socket, 'close');
  });

  it('ends a WebSocket that sends no JSON, and tells why', async () => {
    const ended = Promise.withResolvers<Error | undefined>();
    const host = start((channel) => channel.open({ message: () => undefined, closed: ended.resolve }));
    const { socket } = await connect(await host.open());
    socket.send('{');
    expect((await ended.promise)?.message).toBe('a message is not JSON');
  });

  it('binds a token to the first browser, which may reload; for others it is worth nothing', async () => {
    const host = start();
    const url = await host.open();
    const { cookie = '' } = await connect(url);
    expect(cookie).toMatch(/^telepresence-ui-\d+=[\w-]{43}$/);
    const reloaded = await connect(url, { cookie });
    expect(reloaded.cookie).toBeUndefined();
    await expect(connect(url)).rejects.toThrow('401');
    await expect(connect(url, { cookie: `${cookie.slice(0, -1)}_` })).rejects.toThrow('401');
    // A second window of the same browser goes on with the same cookie.
    expect((await connect(await host.open(), { cookie })).cookie).toBeUndefined();
    await expect(connect(url, { token: 'guess', cookie })).rejects.toThrow('401');
  });

  it('refuses a WebSocket of another page, and one without a page', async () => {
    const url = await start().open();
    await expect(connect(url, { origin: 'http://evil.example' })).rejects.toThrow('403');
    await expect(connect(url, { origin: 'null' })).rejects.toThrow('403');
  });

  it('has its pages come back after the daemon was killed, and not after it was ended', async () => {
    const first = start();
    const url = await first.open();
    const { cookie = '' } = await connect(url);
    const copy = join(directory, 'copy.json');
    // What a killed daemon leaves.
    copyFileSync(sessionsFile(), copy);
    await first.stop();
    copyFileSync(copy, sessionsFile());
    const second = start();
    await second.restore();
    await connect(url, { cookie });
    await second.stop();
    const third = start();
    await third.restore();
    await expect(connect(url, { cookie })).rejects.toThrow('ECONNREFUSED');
  });

  it('lets an open page hear the end of what it asked for', async () => {
    let page: MessageChannel | undefined;
    const host = start((channel) => {
      page = channel;
      echo(channel);
    });
    const { socket } = await connect(await host.open());
    await host.stop();
    const heard = once(socket, 'message');
    page?.send({ output: {} });
    expect(String((await heard)[0])).toBe('{"output":{}}');
  });

  it('says what is missing where there is no page', async () => {
    rmSync(join(directory, 'page', 'index.html'));
    await expect(start().open()).rejects.toMatchObject({ code: 'unsupported' });
  });
});

describe('UiSessions', () => {
  it('forgets an address that nobody opened', () => {
    let now = 0;
    const sessions = new UiSessions(sessionsFile(), silentLogger, () => now);
    const token = sessions.issue(1);
    now = 10 * 60_000;
    expect(sessions.admit(token, undefined)).toEqual({ kind: 'refused' });
  });
});

describe('ownerOf', () => {
  it('finds the user of a connection in the table of the kernel', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 1 1',
      '   1: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 2 1',
    ].join('\n');
    expect(ownerOf(table, 0xd431, 0x1f90)).toBe(1000);
    expect(ownerOf(table, 0xd432, 0x1f90)).toBeUndefined();
  });
});

describe('the local API in a browser', () => {
  const state = fakeState();
  /** Handlers of the calls that a test makes. */
  const serving = (handlers: Partial<Handlers>, maxBufferedBytes?: number) => (channel: MessageChannel) =>
    serveChannel(channel, handlers as Handlers, {
      logger: silentLogger,
      ...(maxBufferedBytes === undefined ? {} : { maxBufferedBytes }),
    });
  const watchState: Handlers['watchState'] = async (_input, { emit, signal }) => {
    emit({ kind: 'snapshot', revision: 1, state });
    await untilAborted(signal);
    return {};
  };

  it('is the same: greeting, calls, errors and subscriptions', async () => {
    const refused = new AppError({ code: 'not-found', message: 'gone' });
    const host = start(serving({ watchState, cancelTask: () => Promise.reject(refused), setPreferences: async () => ({}) }));
    const api = await createApiClient(webSocketChannel((await connect(await host.open())).socket));
    expect(await readState(api)).toEqual(state);
    expect(await api.call('setPreferences', { change: { theme: 'dark' } })).toEqual({});
    await expect(api.call('cancelTask', { id: 'x' })).rejects.toMatchObject({ code: 'not-found', message: 'gone' });
    await expect(api.call('setPreferences', { change: { theme: 'pink' } } as never)).rejects.toMatchObject({ code: 'usage' });
    const { socket } = await connect(await host.open());
    const other = createApiClient(webSocketChannel(socket), { version: '9.9.9' });
    await expect(other).rejects.toMatchObject({ code: 'version-mismatch' });
    api.close();
    await api.closed;
  });

  it('drops a subscription that the page does not read, and holds no more than that', async () => {
    const lot = 'x'.repeat(256 * 1024);
    const dropped = Promise.withResolvers<unknown>();
    const flood: Handlers['tailLog'] = async (_input, { emit, signal }) => {
      while (!signal.aborted) {
        emit({ lines: [{ text: lot }], dropped: 0 });
        await new Promise((resolve) => setImmediate(resolve));
      }
      dropped.resolve(signal.reason);
      return {};
    };
    const host = start(serving({ tailLog: flood }, 1024 * 1024));
    const { socket } = await connect(await host.open());
    const api = await createApiClient(webSocketChannel(socket));
    const end = new AbortController();
    const following = api.subscribe(
      'tailLog',
      { source: { kind: 'daemon' }, history: 0 },
      { onEvent: () => undefined, signal: end.signal },
    );
    socket.pause();
    expect(await dropped.promise).toMatchObject({ code: 'subscription.lagging' });
    socket.resume();
    await expect(following).rejects.toMatchObject({ code: 'subscription.lagging' });
  });
});
