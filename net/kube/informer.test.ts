import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FakeApiServer } from './fake-api-server.ts';
import { Informer, type InformerEvent, type KubeObject } from './informer.ts';
import { KubeClient } from './kube-client.ts';

interface Pod extends KubeObject {
  readonly status?: { readonly phase?: string };
}

const path = '/api/v1/pods';
const pod = (name: string, phase: string) => ({ metadata: { name, namespace: 'shop' }, status: { phase } });

describe('informer', () => {
  let api: FakeApiServer;
  let client: KubeClient;
  let informer: Informer<Pod, string>;
  const events: InformerEvent<string>[] = [];
  let onEvent: () => void;

  /** Resolves when the events so far satisfy the condition. */
  async function until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => (onEvent = resolve));
  }

  beforeEach(async () => {
    api = new FakeApiServer();
    api.addCollections(path);
    client = await api.start();
    events.length = 0;
    onEvent = () => undefined;
    informer = new Informer<Pod, string>({
      client,
      path,
      select: (object) => object.status?.phase,
      pageSize: 2,
      firstRetryMs: 5,
    });
    informer.subscribe((event) => {
      events.push(event);
      onEvent();
    });
  });

  afterEach(async () => {
    await informer.stop();
    client.close();
    await api.stop();
  });

  it('lists page by page and keeps only what is selected', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) api.put(path, pod(name, 'Running'));
    api.put(path, { metadata: { name: 'f', namespace: 'shop' } });
    await informer.start();
    expect([...informer.items]).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => [`shop/${name}`, 'Running']));
    expect(api.requests.filter(({ query }) => query['limit'] === '2')).toHaveLength(3);
  });

  it('follows changes, and is silent about those of other fields', async () => {
    api.put(path, pod('a', 'Pending'));
    await informer.start();
    api.put(path, pod('a', 'Pending'));
    api.put(path, pod('a', 'Running'));
    api.put(path, pod('b', 'Running'));
    api.remove(path, 'a', 'shop');
    await until(() => events.at(-1)?.kind === 'deleted');
    expect(events.map(({ kind, key, item }) => `${kind} ${key} ${item}`)).toEqual([
      'added shop/a Pending',
      'modified shop/a Running',
      'added shop/b Running',
      'deleted shop/a Running',
    ]);
  });

  it('drops an object that is no longer selected', async () => {
    api.put(path, pod('a', 'Running'));
    await informer.start();
    api.put(path, { metadata: { name: 'a', namespace: 'shop' } });
    await until(() => events.length === 2);
    expect(events[1]).toEqual({ kind: 'deleted', key: 'shop/a', item: 'Running' });
  });

  it('goes on from a bookmark when the API server ends the watch', async () => {
    await informer.start();
    await api.seen(({ query }) => query['watch'] === 'true');
    api.put(path, pod('a', 'Running'));
    await until(() => events.length === 1);
    api.bookmark();
    api.endWatches();
    await api.seen(({ query }) => query['watch'] === 'true' && query['resourceVersion'] === '3');
    api.put(path, pod('b', 'Running'));
    await until(() => events.length === 2);
    expect(api.requests.filter(({ query }) => query['limit'] !== undefined)).toHaveLength(1);
  });

  it('lists anew when its revision is forgotten, and tells what went away meanwhile', async () => {
    api.put(path, pod('a', 'Running'));
    await informer.start();
    await api.seen(({ query }) => query['watch'] === 'true');
    api.forgetHistory();
    api.remove(path, 'a', 'shop');
    api.put(path, pod('b', 'Running'));
    await until(() => informer.items.has('shop/b') && !informer.items.has('shop/a'));
    expect([...informer.items.keys()]).toEqual(['shop/b']);
  });

  it('comes back after the connection broke and after errors', async () => {
    await informer.start();
    await api.seen(({ query }) => query['watch'] === 'true');
    const before = api.requests.length;
    api.refuse(path, 500);
    api.breakConnections();
    await api.seen((request) => api.requests.indexOf(request) >= before + 1);
    api.allow(path);
    api.put(path, pod('a', 'Running'));
    await until(() => events.length === 1);
    expect([...informer.items.keys()]).toEqual(['shop/a']);
  });

  it('says so when it may not list', async () => {
    api.refuse(path, 403, 'pods is forbidden');
    await expect(informer.start()).rejects.toMatchObject({ status: 403, message: 'pods is forbidden' });
  });

  it('keeps trying while the API server cannot be reached at first', async () => {
    api.refuse(path, 503);
    const started = informer.start();
    await api.seen(() => api.requests.length >= 2);
    api.allow(path);
    await started;
    expect(informer.items.size).toBe(0);
  });
});

const kubeconfig = process.env['KUBECONFIG'];

describe.skipIf(kubeconfig === undefined)('informer against a real cluster (skipped without KUBECONFIG)', () => {
  it('lists in pages and follows a ConfigMap from its creation to its deletion', async () => {
    const client = new KubeClient(credentialsFrom(kubeconfig ?? ''));
    const name = `informer-test-${process.pid}`;
    const collection = '/api/v1/namespaces/default/configmaps';
    const informer = new Informer<KubeObject & { readonly data?: Readonly<Record<string, string>> }, string>({
      client,
      path: collection,
      select: (object) => (object.metadata?.name === name ? object.data?.['value'] : undefined),
      pageSize: 1,
    });
    const seen: string[] = [];
    let onEvent: () => void = () => undefined;
    informer.subscribe(({ kind, item }) => {
      seen.push(`${kind} ${item}`);
      onEvent();
    });
    const until = async (count: number) => {
      while (seen.length < count) await new Promise<void>((resolve) => (onEvent = resolve));
    };
    try {
      await informer.start();
      const body = (value: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } });
      await client.request({ method: 'POST', path: collection, body: body('one') });
      await until(1);
      await client.request({ method: 'PUT', path: `${collection}/${name}`, body: body('two') });
      await until(2);
      await client.request({ method: 'DELETE', path: `${collection}/${name}` });
      await until(3);
      expect(seen).toEqual(['added one', 'modified two', 'deleted two']);
    } finally {
      await informer.stop();
      client.close();
    }
  });
});

/** Certificates or a token that stand in the file itself, of its first cluster and user. */
function credentialsFrom(file: string) {
  const config = parse(readFileSync(file, 'utf8')) as {
    readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[];
    readonly users: readonly { readonly user: Readonly<Record<string, string>> }[];
  };
  const cluster = config.clusters[0]?.cluster ?? {};
  const user = config.users[0]?.user ?? {};
  const decoded = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, 'base64'));
  return {
    server: new URL(cluster['server'] ?? ''),
    requestOptions: async () => ({
      ca: decoded(cluster['certificate-authority-data']),
      cert: decoded(user['client-certificate-data']),
      key: decoded(user['client-key-data']),
      ...(user['token'] === undefined ? {} : { headers: { authorization: `Bearer ${user['token']}` } }),
    }),
  };
}
