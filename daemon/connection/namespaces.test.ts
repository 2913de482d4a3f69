import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import { Namespaces } from './namespaces.ts';

describe('namespaces of a connection', () => {
  let server: http.Server;
  let status: number;
  let names: string[];
  let watches: ServerResponse[];
  let lists: number;
  let stop: AbortController;
  let changes: number;

  const open = () => {
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return new KubeClient({ server: url, requestOptions: async () => ({}) });
  };
  const follow = (namespaces: Namespaces) => namespaces.follow(open, silentLogger, () => (changes += 1), stop.signal);
  const send = (type: string, name: string) =>
    void watches.at(-1)?.write(`${JSON.stringify({ type, object: { metadata: { name, resourceVersion: '2' } } })}\n`);

  beforeEach(async () => {
    status = 200;
    names = ['default', 'shop'];
    watches = [];
    lists = 0;
    changes = 0;
    stop = new AbortController();
    server = http.createServer((request, response) => {
      response.writeHead(status);
      if (request.url?.includes('watch=true') === true) {
        response.flushHeaders();
        watches.push(response);
        return;
      }
      lists += 1;
      response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: names.map((name) => ({ metadata: { name } })) }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    stop.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  });

  it('are those that were mapped, and the connected one, with nothing asked', async () => {
    const namespaces = new Namespaces('dev', ['a', 'b']);
    await follow(namespaces);
    expect([...namespaces.names()]).toEqual(['a', 'b', 'dev']);
    expect(lists).toBe(0);
  });

  it('are the connected one alone until they were listed, and where they may not be', async () => {
    const namespaces = new Namespaces('dev', []);
    expect([...namespaces.names()]).toEqual(['dev']);
    status = 403;
    await follow(namespaces);
    expect([...namespaces.names()]).toEqual(['dev']);
    expect(lists).toBe(1);
  });

  it('follow the cluster', async () => {
    const namespaces = new Namespaces('dev', []);
    const following = follow(namespaces);
    await expect.poll(() => watches.length).toBe(1);
    expect([...namespaces.names()]).toEqual(['default', 'shop', 'dev']);
    send('ADDED', 'new');
    send('MODIFIED', 'new');
    send('BOOKMARK', '');
    send('DELETED', 'shop');
    await expect.poll(() => [...namespaces.names()]).toEqual(['default', 'new', 'dev']);
    expect(changes).toBe(3);
    stop.abort();
    await following;
  });

  it('keep the connected one though it is deleted, and what is known though the watch fails', async () => {
    const namespaces = new Namespaces('dev', []);
    const following = follow(namespaces);
    await expect.poll(() => watches.length).toBe(1);
    send('DELETED', 'dev');
    send('ERROR', '');
    await expect.poll(() => changes).toBe(2);
    expect([...namespaces.names()]).toEqual(['default', 'shop', 'dev']);
    stop.abort();
    await following;
  });

  it('stop at once while the API server says nothing', async () => {
    server.removeAllListeners('request');
    const following = follow(new Namespaces('dev', []));
    await new Promise<void>((resolve) => server.once('connection', () => resolve()));
    stop.abort();
    await following;
  });
});
