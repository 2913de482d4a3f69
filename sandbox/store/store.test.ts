import { beforeEach, describe, expect, it } from 'vitest';
import { controllerReference } from './objects.ts';
import { resources } from './resources.ts';
import { ObjectStore } from './store.ts';

const { configMaps, deployments, pods, replicaSets } = resources;
const meta = (name: string) => ({ name, namespace: 'shop' });

/** Lets what was recorded reach the watches. */
const delivered = async () => await new Promise<void>((resolve) => setImmediate(resolve));

describe('object store', () => {
  let store: ObjectStore;
  beforeEach(() => {
    store = new ObjectStore({ maxEvents: 5 });
  });

  it('fills in the metadata of what it creates', () => {
    const made = store.create(deployments, { metadata: { generateName: 'web-', namespace: 'shop' }, spec: { replicas: 1 } });
    expect(made.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(made).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { generation: 1, resourceVersion: '2' } });
  });

  it('counts a generation for what is desired, not for status or labels', () => {
    store.create(deployments, { metadata: meta('web'), spec: { replicas: 1 } });
    const status = store.patch(deployments, 'shop', 'web', (current) => ({ ...current, status: { replicas: 1 } }));
    expect(status.metadata.generation).toBe(1);
    const changed = store.update(deployments, { metadata: meta('web'), spec: { replicas: 2 } });
    expect(changed).toMatchObject({ metadata: { generation: 2 }, status: { replicas: 1 } });
    expect(store.update(deployments, changed).metadata.resourceVersion).toBe(changed.metadata.resourceVersion);
  });

  it('refuses a second object of a name, a stale update and a wrong uid', () => {
    const made = store.create(configMaps, { metadata: meta('a') });
    store.update(configMaps, { ...made, data: { a: '1' } });
    expect(() => store.create(configMaps, { metadata: meta('a') })).toThrow(/already exists/);
    expect(() => store.update(configMaps, { ...made, data: { a: '2' } })).toThrow(/has been modified/);
    expect(() => store.remove(configMaps, 'shop', 'a', { preconditions: { uid: 'other' } })).toThrow(/Precondition/);
  });

  it('keeps what has finalizers until they are gone', () => {
    store.create(configMaps, { metadata: { ...meta('a'), finalizers: ['x/y'] } });
    expect(store.remove(configMaps, 'shop', 'a').metadata.deletionTimestamp).toBeDefined();
    store.patch(configMaps, 'shop', 'a', (current) => ({ ...current, metadata: { ...current.metadata, finalizers: [] } }));
    expect(store.get(configMaps, 'shop', 'a')).toBeUndefined();
  });

  describe('with what an object owns', () => {
    beforeEach(() => {
      const deployment = store.create(deployments, { metadata: meta('web'), spec: {} });
      const owned = { ...meta('web-1'), ownerReferences: [controllerReference(deployment)] };
      const set = store.create(replicaSets, { metadata: owned, spec: {} });
      store.create(pods, { metadata: { ...meta('web-1-a'), ownerReferences: [controllerReference(set)] }, spec: {} });
      store.addHooks(pods, { gracePeriodSeconds: () => 30 });
    });

    it('removes it along, gracefully', () => {
      store.remove(deployments, 'shop', 'web');
      expect(store.list(replicaSets)).toEqual([]);
      expect(store.get(pods, 'shop', 'web-1-a')?.metadata.deletionGracePeriodSeconds).toBe(30);
      store.remove(pods, 'shop', 'web-1-a', { gracePeriodSeconds: 0 });
      expect(store.list(pods)).toEqual([]);
    });

    it('waits for it in the foreground', () => {
      store.remove(deployments, 'shop', 'web', { propagationPolicy: 'Foreground' });
      expect(store.get(deployments, 'shop', 'web')?.metadata.finalizers).toEqual(['foregroundDeletion']);
      store.remove(pods, 'shop', 'web-1-a', { gracePeriodSeconds: 0 });
      expect([...store.list(pods), ...store.list(replicaSets), ...store.list(deployments)]).toEqual([]);
    });

    it('leaves it as an orphan', () => {
      store.remove(deployments, 'shop', 'web', { propagationPolicy: 'Orphan' });
      expect(store.get(replicaSets, 'shop', 'web-1')?.metadata.ownerReferences).toEqual([]);
    });
  });

  describe('watch', () => {
    const record = (options: Parameters<ObjectStore['watch']>[1]) => {
      const seen: string[] = [];
      store.watch(configMaps, options, ({ type, object }) => seen.push(`${type} ${object.metadata.name}`));
      return seen;
    };

    it('tells of comings and goings by a selector', async () => {
      const seen = record({ namespace: 'shop', labelSelector: 'tier in (a, b),!old' });
      store.create(configMaps, { metadata: { ...meta('one'), labels: { tier: 'a' } } });
      store.create(configMaps, { metadata: { ...meta('two'), labels: { tier: 'c' } } });
      store.patch(configMaps, 'shop', 'one', (one) => ({ ...one, metadata: { ...one.metadata, labels: { tier: 'b' } } }));
      store.patch(configMaps, 'shop', 'one', (one) => ({
        ...one,
        metadata: { ...one.metadata, labels: { tier: 'b', old: '' } },
      }));
      expect(seen).toEqual([]);
      await delivered();
      expect(seen).toEqual(['ADDED one', 'MODIFIED one', 'DELETED one']);
    });

    it('goes on from a revision, and refuses one that is forgotten', () => {
      const first = store.create(configMaps, { metadata: meta('c0') }).metadata.resourceVersion;
      store.create(configMaps, { metadata: meta('c1') });
      store.create(configMaps, { metadata: meta('c2') });
      return delivered().then(() => {
        expect(record({ sinceResourceVersion: first })).toEqual(['ADDED c1', 'ADDED c2']);
        for (let i = 3; i < 20; i += 1) store.create(configMaps, { metadata: meta(`c${i}`) });
        expect(() => record({ sinceResourceVersion: first })).toThrow(/too old/);
      });
    });

    it('shows a listener that writes, and the others, causes before consequences', async () => {
      store.watch(configMaps, {}, ({ object }) => {
        if (object.metadata.name === 'cause') store.create(configMaps, { metadata: meta('consequence') });
      });
      const seen = record({});
      store.create(configMaps, { metadata: meta('cause') });
      await delivered();
      expect(seen).toEqual(['ADDED cause', 'ADDED consequence']);
    });
  });
});
