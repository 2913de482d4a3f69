import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resources } from '../store/resources.ts';
import { ObjectStore } from '../store/store.ts';
import { ContainerConfigError } from './container-config-error.ts';
import type { Container, Pod, Volume } from './pod-types.ts';
import { volumeMounts, writeVolumes } from './volumes.ts';

describe("a pod's volumes", () => {
  let directory = '';
  let store: ObjectStore;
  let now = 1_000_000;
  let tokens = 0;
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  const write = async (volumes: readonly Volume[], spec: Partial<Pod['spec']> = {}, isRefresh = false) => {
    const sources = { store, now: () => now, mintToken: () => `token-${(tokens += 1)}` };
    const containers: readonly Container[] = [
      { name: 'first', image: 'i', resources: { limits: { memory: '64Mi' } } },
      { name: 'second', image: 'i', resources: { limits: { memory: '128Mi' } } },
    ];
    const metadata = {
      name: 'web',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '',
      labels: { a: 'b' },
    };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, volumes, ...spec } };
    await writeVolumes(sources, pod, directory, isRefresh);
    return pod;
  };
  const text = (...path: readonly string[]) => readFileSync(join(directory, ...path), 'utf8');
  const mode = (...path: readonly string[]) => (statSync(join(directory, ...path)).mode & 0o777).toString(8);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tpsb-volumes-'));
    store = new ObjectStore();
    tokens = 0;
    store.create(resources.configMaps, { metadata: { namespace: 'shop', name: 'settings' }, data: { color: 'red', size: '4' } });
    store.create(resources.secrets, { metadata: { namespace: 'shop', name: 'keys' }, data: { key: encoded('hush') } });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('have the files of ConfigMaps and Secrets, readable for all where nothing else is said', async () => {
    await write([
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'keys', secret: { secretName: 'keys' } },
    ]);
    expect([text('settings', 'color'), text('settings', 'size'), text('keys', 'key')]).toEqual(['red', '4', 'hush']);
    expect([mode('settings', 'color'), mode('keys', 'key')]).toEqual(['644', '644']);
  });

  it('give files the permissions that the volume asks for, and those of an item before them', async () => {
    const items = [
      { key: 'color', path: 'deep/color' },
      { key: 'size', path: 'run.sh', mode: 0o755 },
    ];
    await write([
      { name: 'settings', configMap: { name: 'settings', items, defaultMode: 0o440 } },
      { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
      { name: 'about', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }], defaultMode: 0o600 } },
    ]);
    expect([mode('settings', 'deep/color'), mode('settings', 'run.sh')]).toEqual(['440', '755']);
    expect([mode('keys', 'key'), mode('about', 'name')]).toEqual(['400', '600']);
  });

  it('hold what a projected volume puts together, with its permissions', async () => {
    const sources = [
      { secret: { name: 'keys', items: [{ key: 'key', path: 'secret/key', mode: 0o400 }] } },
      { configMap: { name: 'settings' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' }, mode: 0o604 }] } },
      { serviceAccountToken: { path: 'token', audience: 'manager' } },
    ];
    await write([{ name: 'all', projected: { sources, defaultMode: 0o640 } }]);
    expect(
      readdirSync(join(directory, 'all'))
        .filter((name) => !name.startsWith('..'))
        .toSorted(),
    ).toEqual(['color', 'labels', 'secret', 'size', 'token']);
    expect(text('all', 'labels')).toBe('a="b"');
    expect(['secret/key', 'color', 'labels', 'token'].map((name) => mode('all', name))).toEqual(['400', '640', '604', '640']);
  });

  it('let the group of the pod read, as far as groups can be told apart', async () => {
    const volume = { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } };
    await write([volume], { securityContext: { fsGroup: 2_000 } });
    expect(mode('keys', 'key')).toBe('440');
    if (process.getuid?.() === 0) expect(statSync(join(directory, 'keys', 'key')).gid).toBe(2_000);
  });

  it('tell of the resources of the container that is named, of an init container, too', async () => {
    const item = (containerName: string) => ({
      path: containerName,
      resourceFieldRef: { containerName, resource: 'limits.memory', divisor: '1Mi' },
    });
    const volume = (names: readonly string[]) => [{ name: 'about', downwardAPI: { items: names.map(item) } }];
    const initContainers = [{ name: 'init', image: 'i', resources: { limits: { memory: '32Mi' } } }];
    await write(volume(['first', 'second', 'init']), { initContainers });
    expect(['first', 'second', 'init'].map((name) => text('about', name))).toEqual(['64', '128', '32']);
    await expect(write(volume(['nobody']))).rejects.toThrow(ContainerConfigError);
  });

  it('follow what changes, all files at once, and permissions with them', async () => {
    const volume = (defaultMode: number) => [{ name: 'settings', configMap: { name: 'settings', defaultMode } }];
    await write(volume(0o644));
    const version = () => readdirSync(join(directory, 'settings')).filter((name) => /^\.\.[0-9]/.test(name));
    const before = version();
    await write(volume(0o644), {}, true);
    expect(version()).toEqual(before);
    store.patch(resources.configMaps, 'shop', 'settings', (current) => ({ ...current, data: { color: 'blue', size: '4' } }));
    await write(volume(0o644), {}, true);
    expect([text('settings', 'color'), version().length]).toEqual(['blue', 1]);
    expect(version()).not.toEqual(before);
    await write(volume(0o600), {}, true);
    expect(mode('settings', 'color')).toBe('600');
  });

  it('renew tokens when most of their time is over', async () => {
    const volume = [
      { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 600 } }] } },
    ];
    await write(volume);
    now += 400_000;
    await write(volume, {}, true);
    expect(text('token', 'token')).toBe('token-1');
    now += 100_000;
    await write(volume, {}, true);
    expect(text('token', 'token')).toBe('token-2');
  });

  it('say what is missing, unless it is optional', async () => {
    await expect(write([{ name: 'v', secret: { secretName: 'none' } }])).rejects.toThrow('secret "none" not found');
    await expect(write([{ name: 'v', configMap: { name: 'settings', items: [{ key: 'no', path: 'p' }] } }])).rejects.toThrow(
      'references non-existent config key: no',
    );
    await expect(write([{ name: 'v' }])).rejects.toThrow('of a kind that the sandbox does not have');
    await write([{ name: 'v', secret: { secretName: 'none', optional: true } }]);
    expect(readdirSync(join(directory, 'v')).filter((name) => !name.startsWith('..'))).toEqual([]);
  });

  it('are mounted as files read-only, and as directories of the pod writable for all', async () => {
    const volumes = [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'scratch', emptyDir: {} },
    ];
    const pod = await write(volumes);
    const volumeMount = (name: string, subPath?: string) => ({ name, mountPath: `/${name}`, ...(subPath && { subPath }) });
    const container = { name: 'c', image: 'i', volumeMounts: [volumeMount('settings', 'color'), volumeMount('scratch', 'own')] };
    expect(volumeMounts(container, pod, directory)).toEqual([
      { source: join(directory, 'settings/color'), target: '/settings', isReadOnly: true, isFile: true },
      { source: join(directory, 'scratch/own'), target: '/scratch', isReadOnly: false, isFile: false },
    ]);
    expect([mode('scratch'), mode('scratch', 'own')]).toEqual(['777', '777']);
    chmodSync(join(directory, 'scratch'), 0o700);
    const bad = { ...container, volumeMounts: [volumeMount('settings', 'none')] };
    expect(() => volumeMounts(bad, pod, directory)).toThrow('failed to prepare subPath');
  });
});
