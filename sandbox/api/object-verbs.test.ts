import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import type { KubeRequest } from '#net/kube/kube-client.ts';
import type { KubeObject } from '../store/objects.ts';
import { type ApiBed, startApiBed } from './testing/api-bed.ts';

const configMaps = '/api/v1/namespaces/shop/configmaps';
const deployments = '/apis/apps/v1/namespaces/shop/deployments';

describe('verbs of the API server of the sandbox', () => {
  let bed: ApiBed;
  const send = async <T = KubeObject>(method: KubeRequest['method'], path: string, more: Partial<KubeRequest> = {}) =>
    await bed.admin.request<T>({ method, path, ...more });
  const make = async (name: string, fields: object = {}, path = configMaps) =>
    await send('POST', path, { body: { metadata: { name }, ...fields } });
  const found = async (path: string) => await bed.admin.find<KubeObject>(path);

  beforeAll(async () => {
    bed = await startApiBed();
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'i:1' }] } };
    await make('web', { spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template } }, deployments);
  });
  afterAll(async () => await bed.stop());

  it('replaces an object by PUT, unless it is another one by now', async () => {
    const first = await make('put', { data: { a: '1', b: '2' } });
    const second = await send('PUT', `${configMaps}/put`, { body: { ...first, data: { a: '3' } } });
    expect(second).toMatchObject({ data: { a: '3' }, metadata: { uid: first.metadata.uid } });
    expect(second['data']).not.toHaveProperty('b');
    await expect(send('PUT', `${configMaps}/put`, { body: { ...first, data: {} } })).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
    });
    const { resourceVersion: _version, ...metadata } = second.metadata;
    const forced = await send('PUT', `${configMaps}/put`, { body: { ...second, metadata, data: { a: '4' } } });
    expect(forced['data']).toEqual({ a: '4' });
    const other = { ...forced, metadata: { ...forced.metadata, name: 'other' } };
    await expect(send('PUT', `${configMaps}/put`, { body: other })).rejects.toMatchObject({ status: 400 });
    await expect(send('PUT', `${configMaps}/none`, { body: { metadata: { name: 'none' } } })).rejects.toMatchObject({
      status: 404,
    });
  });

  it('deletes what a selector finds, and nothing on a dry run', async () => {
    for (const name of ['one', 'two', 'three'])
      await send('POST', configMaps, { body: { metadata: { name, labels: { group: name === 'three' ? 'b' : 'a' } } } });
    await send('DELETE', configMaps, { query: { labelSelector: 'group=a', dryRun: 'All' } });
    expect(await found(`${configMaps}/one`)).toBeDefined();
    const { items } = await send<{ items: readonly KubeObject[] }>('DELETE', configMaps, { query: { labelSelector: 'group=a' } });
    expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(['one', 'two']);
    expect([await found(`${configMaps}/one`), await found(`${configMaps}/two`)]).toEqual([undefined, undefined]);
    expect(await found(`${configMaps}/three`)).toBeDefined();
  });

  it('keeps status and specification apart', async () => {
    const path = `${deployments}/web`;
    const contentType = 'application/merge-patch+json';
    const body = { spec: { replicas: 5 }, status: { replicas: 4 } };
    const patched = await send('PATCH', `${path}/status`, { body, contentType });
    expect(patched).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 4 } });
    const scaled = await send('PATCH', path, { body: { spec: { replicas: 3 }, status: { replicas: 9 } }, contentType });
    expect(scaled).toMatchObject({ spec: { replicas: 3 }, status: { replicas: 4 } });
    expect(scaled.metadata.generation).toBe((patched.metadata.generation ?? 0) + 1);
    const replaced = await send('PUT', `${path}/status`, { body: { ...scaled, spec: {}, status: { replicas: 1 } } });
    expect(replaced).toMatchObject({ spec: { replicas: 3 }, status: { replicas: 1 } });
    expect(replaced.metadata.generation).toBe(scaled.metadata.generation);
    expect(await send('GET', `${path}/status`)).toMatchObject({ status: { replicas: 1 } });
    await expect(send('PUT', `${path}/status`, { body: scaled })).rejects.toMatchObject({ status: 409 });
    await expect(send('PATCH', `${configMaps}/three/status`, { body, contentType })).rejects.toMatchObject({ status: 404 });
  });

  it('takes JSON patches, whole or not at all', async () => {
    await make('json', { data: { a: '1' } });
    const contentType = 'application/json-patch+json';
    const patch = async (body: unknown) => await send('PATCH', `${configMaps}/json`, { body, contentType });
    const changed = await patch([
      { op: 'test', path: '/data/a', value: '1' },
      { op: 'add', path: '/data/b', value: '2' },
      { op: 'remove', path: '/data/a' },
    ]);
    expect(changed['data']).toEqual({ b: '2' });
    const failing = [
      { op: 'add', path: '/data/c', value: '3' },
      { op: 'test', path: '/data/b', value: 'no' },
    ];
    await expect(patch(failing)).rejects.toMatchObject({ status: 422 });
    await expect(patch({ data: {} })).rejects.toMatchObject({ status: 400 });
    expect((await found(`${configMaps}/json`))?.['data']).toEqual({ b: '2' });
    await expect(send('PATCH', `${configMaps}/json`, { body: {}, contentType: 'text/plain' })).rejects.toMatchObject({
      status: 415,
    });
  });

  it('goes on with a watch from a resource version, as long as it remembers', async () => {
    const before = await make('watched', { data: { n: '1' } });
    const version = before.metadata.resourceVersion ?? '';
    await send('PUT', `${configMaps}/watched`, { body: { ...before, data: { n: '2' } } });
    await send('DELETE', `${configMaps}/watched`);
    const abort = new AbortController();
    const query = { resourceVersion: version, fieldSelector: 'metadata.name=watched' };
    const watch = bed.admin.watch<KubeObject>(configMaps, query, abort.signal);
    const next = async () => (await watch.next()).value as { readonly type: string; readonly object: KubeObject };
    expect(await next()).toMatchObject({ type: 'MODIFIED', object: { data: { n: '2' } } });
    expect(await next()).toMatchObject({ type: 'DELETED' });
    await make('watched');
    expect(await next()).toMatchObject({ type: 'ADDED' });
    // A compaction: open watches are told, and later ones that come back from before it.
    const told = watch.next();
    bed.api.faults.forgetHistory();
    await expect(told).rejects.toMatchObject({ status: 410, reason: 'Expired' });
    await expect(bed.admin.watch(configMaps, query, abort.signal).next()).rejects.toMatchObject({ status: 410 });
    abort.abort();
  });

  it('sends bookmarks from time to time to those who want them', async () => {
    const intervals: (() => void)[] = [];
    const spy = vi.spyOn(globalThis, 'setInterval').mockImplementation(((tick: () => void, ms: number) => {
      if (ms >= 1_000) intervals.push(tick);
      return setTimeout(() => undefined, 0);
    }) as unknown as typeof setInterval);
    const abort = new AbortController();
    const query = { allowWatchBookmarks: true, resourceVersion: bed.store.resourceVersion };
    const watch = bed.admin.watch<KubeObject>(configMaps, query, abort.signal);
    try {
      const first = watch.next();
      await vi.waitFor(() => expect(intervals.length).toBeGreaterThan(0));
      intervals.at(-1)?.();
      const { type, object } = (await first).value as { readonly type: string; readonly object: KubeObject };
      expect(type).toBe('BOOKMARK');
      expect(object).toMatchObject({ kind: 'ConfigMap', metadata: { resourceVersion: bed.store.resourceVersion } });
    } finally {
      spy.mockRestore();
      abort.abort();
    }
  });

  it('says what somebody else may do, by name and by group', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
    await make('looker', { rules }, `${rbac}/namespaces/shop/roles`);
    const subjects = [
      { kind: 'User', name: 'ann' },
      { kind: 'Group', name: 'team' },
    ];
    await make('looker', { roleRef: { kind: 'Role', name: 'looker' }, subjects }, `${rbac}/namespaces/shop/rolebindings`);
    const may = async (subject: object, verb = 'get', namespace = 'shop') => {
      const spec = { ...subject, resourceAttributes: { verb, resource: 'pods', namespace } };
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      return (await send<{ status: { allowed: boolean } }>('POST', path, { body: { spec } })).status.allowed;
    };
    expect([await may({ user: 'ann' }), await may({ user: 'bob', groups: ['team'] }), await may({ user: 'bob' })]).toEqual([
      true,
      true,
      false,
    ]);
    expect([await may({ user: 'ann' }, 'delete'), await may({ user: 'ann' }, 'get', 'default')]).toEqual([false, false]);
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    await expect(send('POST', path, { body: { spec: { user: 'ann' } } })).rejects.toMatchObject({ status: 400 });
  });

  it('carries a terminal, with its size, and refuses a size that is none', async () => {
    const pods = '/api/v1/namespaces/shop/pods';
    await make('tty', { spec: { containers: [{ name: 'app', image: 'i:1' }] } }, pods);
    const open = async () => {
      const url = new URL(`${pods}/tty/exec?command=sh&command=0&stdin=true&stdout=true&tty=true`, bed.api.server);
      const headers = { authorization: `Bearer ${bed.api.adminToken}` };
      const socket = new WebSocket(url, ['v5.channel.k8s.io'], { ca: bed.api.authorities, headers });
      await once(socket, 'open');
      return socket;
    };
    const socket = await open();
    const output = ['', '', '', ''];
    socket.on('message', (message: Buffer) => (output[message[0] ?? 0] += message.subarray(1).toString()));
    socket.send(Buffer.from('\u0004{"Width":132,"Height":43}'));
    socket.send(Buffer.from('\0hello'));
    socket.send(Buffer.from([255, 0]));
    await once(socket, 'close');
    expect(output.slice(0, 3)).toEqual(['', '132x43 hello', '']);
    expect(JSON.parse(output[3] ?? '')).toMatchObject({ status: 'Success' });
    const wrong = await open();
    wrong.send(Buffer.from('\u0004{"Width":'));
    expect((await once(wrong, 'close'))[0]).toBe(1007);
  });
});
