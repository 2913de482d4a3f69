import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import type { Pod } from '../node/pod-types.ts';
import { textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import { ObjectStore } from '../store/store.ts';
import { startControllers } from './start-controllers.ts';
import type { StatefulSet } from './workload-types.ts';

/** A store with controllers, and a node that is played: pods are ready when the test says so. */
describe('StatefulSets', () => {
  let store: ObjectStore;
  let stops: (() => void)[] = [];
  /** What happened to pods, in order. */
  let log: string[] = [];
  /** Names of pods that never get ready. */
  let unready = new Set<string>();
  let changed: () => void = () => undefined;

  beforeEach(() => {
    store = new ObjectStore();
    log = [];
    unready = new Set();
    stops = [
      startControllers(store, silentLogger, 'certificate'),
      store.watch<Pod>(resources.pods, { namespace: 'default' }, ({ type, object }) => {
        const { name } = object.metadata;
        if (type !== 'MODIFIED') log.push(`${type === 'ADDED' ? 'made' : 'gone'} ${name}`);
        if (type === 'ADDED' && !unready.has(name)) makeReady(name);
        changed();
      }),
      store.watch(resources.statefulSets, { namespace: 'default' }, () => changed()),
    ];
    store.create(resources.statefulSets, {
      metadata: { namespace: 'default', name: 'db' },
      spec: { replicas: 0, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: template('1') },
    });
  });
  afterEach(() => {
    for (const stop of stops) stop();
  });

  it('make pods one after another, each when the one before is ready', async () => {
    unready.add('db-1');
    change({ replicas: 3 });
    await until(() => log.includes('made db-1'));
    await settled();
    expect(log).toEqual(['made db-0', 'ready db-0', 'made db-1']);
    expect(status()).toMatchObject({ replicas: 2, readyReplicas: 1 });
    makeReady('db-1');
    await until(() => status()?.['readyReplicas'] === 3);
    expect(log.slice(3)).toEqual(['ready db-1', 'made db-2', 'ready db-2']);
    const pod = store.get<Pod>(resources.pods, 'default', 'db-2');
    expect(pod?.spec).toMatchObject({ hostname: 'db-2', subdomain: 'db' });
    expect(pod?.metadata.labels).toMatchObject({ 'apps.kubernetes.io/pod-index': '2' });
  });

  it('make all pods at once where they may', async () => {
    unready.add('db-0');
    change({ replicas: 3, podManagementPolicy: 'Parallel' });
    await until(() => status()?.['replicas'] === 3);
    expect(log).toContain('made db-2');
    expect(log).not.toContain('ready db-0');
  });

  it('take pods away from the last to the first', async () => {
    await run(3);
    change({ replicas: 1 });
    await until(() => status()?.['replicas'] === 1);
    expect(log).toEqual(['gone db-2', 'gone db-1']);
  });

  it('change pods from the last to the first, each when the one after it is ready again', async () => {
    await run(3);
    unready.add('db-1');
    change({ template: template('2') });
    await until(() => log.includes('made db-1'));
    await settled();
    expect(log).toEqual(['gone db-2', 'made db-2', 'ready db-2', 'gone db-1', 'made db-1']);
    expect(versions()).toEqual(['1', '2', '2']);
    makeReady('db-1');
    await until(() => status()?.['currentRevision'] === status()?.['updateRevision']);
    expect(versions()).toEqual(['2', '2', '2']);
    expect(status()).toMatchObject({ updatedReplicas: 3, currentReplicas: 3 });
  });

  it('leave pods below the partition as they were, even those that are made anew', async () => {
    await run(3);
    change({ template: template('2'), updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
    await until(() => versions()[2] === '2' && status()?.['readyReplicas'] === 3);
    await settled();
    expect(versions()).toEqual(['1', '1', '2']);
    expect(status()).toMatchObject({ updatedReplicas: 1, currentReplicas: 2 });
    log = [];
    store.remove(resources.pods, 'default', 'db-0', { gracePeriodSeconds: 0 });
    await until(() => log.includes('ready db-0'));
    await settled();
    expect(versions()).toEqual(['1', '1', '2']);
    change({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } });
    await until(() => versions().join() === '2,2,2' && status()?.['currentReplicas'] === 3);
    expect(log.filter((line) => line.startsWith('gone'))).toEqual(['gone db-0', 'gone db-1', 'gone db-0']);
  });

  it('leave pods alone until somebody deletes them where the strategy says so', async () => {
    await run(2);
    change({ template: template('2'), updateStrategy: { type: 'OnDelete' } });
    await until(() => textAt(status(), 'observedGeneration') === String(set().metadata.generation));
    await settled();
    expect(versions()).toEqual(['1', '1']);
    store.remove(resources.pods, 'default', 'db-0', { gracePeriodSeconds: 0 });
    await until(() => log.includes('ready db-0'));
    expect(versions()).toEqual(['2', '1']);
  });

  function template(version: string) {
    const containers = [{ name: 'main', image: `db:${version}` }];
    return { metadata: { labels: { app: 'db' } }, spec: { containers, terminationGracePeriodSeconds: 0 } };
  }

  function change(fields: object): void {
    store.patch<StatefulSet>(resources.statefulSets, 'default', 'db', (current) => ({
      ...current,
      spec: { ...current.spec, ...fields },
    }));
  }

  async function run(replicas: number): Promise<void> {
    change({ replicas });
    await until(() => status()?.['readyReplicas'] === replicas);
    log = [];
  }

  function set(): StatefulSet {
    return store.mustGet<StatefulSet>(resources.statefulSets, 'default', 'db');
  }

  function status(): Readonly<Record<string, unknown>> | undefined {
    return set().status as Readonly<Record<string, unknown>> | undefined;
  }

  /** By ordinal. */
  function versions(): readonly string[] {
    return store
      .list<Pod>(resources.pods, { namespace: 'default' })
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .map(({ spec }) => spec.containers[0]?.image.split(':')[1] ?? '');
  }

  function makeReady(name: string): void {
    log.push(`ready ${name}`);
    const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: new Date().toISOString() }];
    store.patch<Pod>(resources.pods, 'default', name, (pod) => ({ ...pod, status: { phase: 'Running', conditions } }));
  }

  async function until(fits: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      changed = () => {
        if (!fits()) return;
        changed = () => undefined;
        resolve();
      };
      changed();
    });
  }

  /** Controllers go on after each event in the same turn or the next: some turns later nothing more comes. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
});
