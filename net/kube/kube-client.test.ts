import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient, type KubeCredentials, KubeStatusError, type WatchEvent } from './kube-client.ts';

interface Named {
  readonly metadata: { readonly name: string };
}

describe('client of the Kubernetes API', () => {
  let server: http.Server;
  let serve: (request: IncomingMessage, response: ServerResponse) => void;
  let sockets: Socket[];
  let client: KubeClient;
  let credentials: KubeCredentials;

  const never = new AbortController().signal;
  const get = async (path = '/x', timeoutMs?: number) =>
    await client.request({ method: 'GET', path, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  const events = async (signal = never) => {
    const received: WatchEvent<Named>[] = [];
    for await (const event of client.watch<Named>('/x', {}, signal)) received.push(event);
    return received;
  };
  const added = (name: string) => `${JSON.stringify({ type: 'ADDED', object: { metadata: { name } } })}\n`;

  beforeEach(async () => {
    serve = (_request, response) => response.end('{}');
    sockets = [];
    server = http.createServer((request, response) => serve(request, response));
    server.on('connection', (socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    credentials = {
      server: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/clusters/c1/`),
      requestOptions: async () => ({
        headers: { authorization: 'Bearer secret', 'Impersonate-Group': ['a', 'b'] as unknown as string },
      }),
    };
    client = new KubeClient(credentials);
  });

  afterEach(async () => {
    client.close();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  });

  it('asks once more with other credentials where those that were kept are refused', async () => {
    let token = 'old';
    serve = (request, response) => {
      response.statusCode = request.headers.authorization === 'Bearer new' ? 200 : 401;
      response.end('{"is":"there"}');
    };
    const kept: KubeCredentials = {
      server: credentials.server,
      requestOptions: async () => ({ headers: { authorization: `Bearer ${token}` } }),
      refused: () => {
        token = 'new';
        return true;
      },
    };
    client = new KubeClient(kept);
    await expect(get()).resolves.toEqual({ is: 'there' });
    client = new KubeClient({ ...kept, requestOptions: async () => ({}), refused: () => false });
    await expect(get()).rejects.toMatchObject({ status: 401 });
  });

  it('sends path, query, body and credentials', async () => {
    const seen: unknown[] = [];
    serve = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { authorization, 'impersonate-group': groups, 'content-type': type } = request.headers;
        seen.push(request.method, request.url, authorization, groups, type, Buffer.concat(chunks).toString());
        response.end('{"kind":"Done"}');
      });
    };
    const answer = await client.request({
      method: 'PATCH',
      path: '/api/v1/x',
      query: { fieldManager: 'a b', force: true, none: undefined },
      body: { name: 'ö' },
      contentType: 'application/apply-patch+yaml',
    });
    expect(answer).toEqual({ kind: 'Done' });
    expect(seen).toEqual([
      'PATCH',
      '/clusters/c1/api/v1/x?fieldManager=a+b&force=true',
      'Bearer secret',
      'a, b',
      'application/apply-patch+yaml',
      '{"name":"ö"}',
    ]);
  });

  it("fails with the API server's words and causes", async () => {
    const status = {
      reason: 'Invalid',
      message: 'Service "x" is invalid',
      details: { causes: [{ field: 'spec', message: 'bad' }] },
    };
    serve = (_request, response) => response.writeHead(422).end(JSON.stringify(status));
    const failure: unknown = await get().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KubeStatusError);
    expect(failure).toMatchObject({
      status: 422,
      reason: 'Invalid',
      message: 'Service "x" is invalid',
      causes: [{ field: 'spec' }],
    });
  });

  it.each([
    [502, 'Bad Gateway\n', 'Bad Gateway'],
    [503, '', 'HTTP status 503'],
    [500, 'null', 'null'],
  ])('fails with status %d and the text "%s" of a proxy', async (status, body, message) => {
    serve = (_request, response) => response.writeHead(status).end(body);
    await expect(get()).rejects.toMatchObject({ name: 'KubeStatusError', status, reason: 'Unknown', message });
  });

  it.each([
    [302, 'see /login'],
    [200, '<html>Log in</html>'],
  ])('fails with status %d where a login page answers in place of the API server', async (status, body) => {
    serve = (_request, response) => response.writeHead(status, { 'content-type': 'text/html' }).end(body);
    await expect(get()).rejects.toMatchObject({ name: 'KubeStatusError', status });
  });

  it('finds nothing where there is nothing', async () => {
    serve = (_request, response) => response.writeHead(404).end('{}');
    expect(await client.find('/x')).toBeUndefined();
    await expect(get()).rejects.toMatchObject({ status: 404 });
  });

  it('uses a connection again', async () => {
    for (let count = 0; count < 5; count += 1) await get();
    expect(sockets).toHaveLength(1);
  });

  it('asks again on a fresh connection where a kept one turns out to be dead', async () => {
    await get();
    let requests = 0;
    serve = (request, response) => {
      requests += 1;
      if (requests === 1) request.socket.destroy();
      else response.end('{"n":2}');
    };
    expect(await get()).toEqual({ n: 2 });
    expect(sockets).toHaveLength(2);
  });

  it('does not ask again what changes something', async () => {
    await get();
    let requests = 0;
    serve = (request) => {
      requests += 1;
      request.socket.destroy();
    };
    await expect(client.request({ method: 'POST', path: '/x', body: {} })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(requests).toBe(1);
  });

  it.each([
    ['before the answer', () => undefined],
    ['in the middle of it', (_request: IncomingMessage, response: ServerResponse) => void response.write('{')],
  ])('gives up at the deadline %s', async (_where, silence) => {
    serve = silence;
    await expect(get('/x', 100)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it.each([
    ['before the answer', () => undefined],
    ['in the middle of it', (_request: IncomingMessage, response: ServerResponse) => void response.write('{')],
  ])("ends with the signal's reason %s", async (_where, silence) => {
    const cancel = new AbortController();
    const served = new Promise<void>((resolve) => {
      serve = (request, response) => {
        silence(request, response);
        resolve();
      };
    });
    const answer = client.request({ method: 'GET', path: '/x', signal: cancel.signal });
    await served;
    cancel.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
  });

  it('gives up at the deadline while credentials are being made', async () => {
    client = new KubeClient({ ...credentials, requestOptions: async () => await new Promise(() => undefined) });
    await expect(get('/x', 100)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('fails where nobody listens', async () => {
    server.close();
    await expect(get()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends idle connections, and lets what is under way end in order', async () => {
    await Promise.all([get(), get()]);
    const answering = new Promise<ServerResponse>((resolve) => {
      serve = (_request, response) => resolve(response);
    });
    const answer = get();
    const response = await answering;
    client.close();
    await expect.poll(() => sockets.filter((socket) => !socket.destroyed).length).toBe(1);
    response.end('{"n":1}');
    expect(await answer).toEqual({ n: 1 });
    await expect.poll(() => sockets.filter((socket) => !socket.destroyed).length).toBe(0);
  });

  describe('watching', () => {
    it('reads events cut anywhere, in the middle of a letter too', async () => {
      const bytes = Buffer.from(added('ä€😀') + '\n' + added('b'));
      serve = (_request, response) => {
        void (async () => {
          for (const byte of bytes) {
            response.write(Buffer.from([byte]));
            await new Promise((resolve) => setImmediate(resolve));
          }
          response.end();
        })();
      };
      expect((await events()).map(({ object }) => object.metadata.name)).toEqual(['ä€😀', 'b']);
    });

    it('fails with the status of an ERROR event', async () => {
      const gone = { type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old resource version' } };
      serve = (_request, response) => response.end(added('a') + JSON.stringify(gone) + '\n');
      await expect(events()).rejects.toMatchObject({ name: 'KubeStatusError', status: 410, reason: 'Expired' });
    });

    it('fails with the status of a refusal', async () => {
      serve = (_request, response) => response.writeHead(403).end('{"reason":"Forbidden","message":"no"}');
      await expect(events()).rejects.toMatchObject({ status: 403, message: 'no' });
    });

    it('fails where the connection breaks', async () => {
      serve = (request, response) => {
        response.write(added('a'));
        setImmediate(() => request.socket.destroy());
      };
      await expect(events()).rejects.toMatchObject({ code: 'ECONNRESET' });
    });

    it('ends when told to, before the first event and after', async () => {
      for (const text of ['', added('a')]) {
        const cancel = new AbortController();
        serve = (_request, response) => {
          response.write(text);
          setImmediate(() => cancel.abort());
        };
        expect((await events(cancel.signal)).length).toBeLessThanOrEqual(1);
      }
      expect(await events(AbortSignal.abort())).toEqual([]);
    });

    it('closes its connection when nobody reads on', async () => {
      serve = (_request, response) => void response.write(added('a') + added('b'));
      for await (const { type } of client.watch('/x', {}, never)) {
        expect(type).toBe('ADDED');
        break;
      }
      const [socket] = sockets;
      if (socket !== undefined && !socket.destroyed) await once(socket, 'close');
    });

    it('leaves no listener on a signal that lives long', async () => {
      serve = (_request, response) => response.end(added('a'));
      const { signal } = new AbortController();
      let listeners = 0;
      const { addEventListener, removeEventListener } = AbortSignal.prototype;
      signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
        listeners += 1;
        addEventListener.apply(signal, args);
      };
      signal.removeEventListener = (...args: Parameters<AbortSignal['removeEventListener']>) => {
        listeners -= 1;
        removeEventListener.apply(signal, args);
      };
      for (let count = 0; count < 3; count += 1) await events(signal);
      await expect.poll(() => listeners).toBeLessThanOrEqual(0);
    });
  });
});

describe('client of the Kubernetes API over TLS', () => {
  let directory: string;
  let server: https.Server;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kube-client-'));
    const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
    const subject = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=DNS:kubernetes'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      {
        stdio: 'ignore',
      },
    );
    server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) =>
      response.end('{"ok":true}'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const request = async (options: https.RequestOptions) => {
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const client = new KubeClient({ server: url, requestOptions: async () => options });
    try {
      return await client.request({ method: 'GET', path: '/version' });
    } finally {
      client.close();
    }
  };

  it('trusts the certificate that it is given, by the name that it is given', async () => {
    const ca = readFileSync(join(directory, 'cert'));
    expect(await request({ ca, servername: 'kubernetes' })).toEqual({ ok: true });
    await expect(request({ ca })).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expect(request({ servername: 'kubernetes' })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(await request({ rejectUnauthorized: false })).toEqual({ ok: true });
  });
});
