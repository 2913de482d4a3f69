import { beforeEach, describe, expect, it } from 'vitest';
import { resources } from '../store/resources.ts';
import { ObjectStore } from '../store/store.ts';
import { ContainerConfigError } from './container-config-error.ts';
import { resourceValue } from './downward.ts';
import { expandVariables, podEnvironment } from './pod-environment.ts';
import type { Container, Pod } from './pod-types.ts';

let store: ObjectStore;

beforeEach(() => {
  store = new ObjectStore();
  store.create(resources.configMaps, { metadata: { namespace: 'shop', name: 'settings' }, data: { COLOR: 'red', SIZE: '4' } });
  store.create(resources.secrets, {
    metadata: { namespace: 'shop', name: 'keys' },
    data: { TOKEN: Buffer.from('hush').toString('base64') },
  });
  store.create(resources.services, {
    metadata: { namespace: 'shop', name: 'my-web' },
    spec: { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  });
});

function environment(container: Partial<Container>, spec: Partial<Pod['spec']> = {}) {
  const main: Container = { name: 'main', image: 'node', ...container };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-0', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '', labels: { app: 'web' } },
    spec: { containers: [main], ...spec },
    status: { podIP: '10.244.0.2' },
  };
  return podEnvironment(store, pod, main);
}

describe("a container's environment", () => {
  it('has every source, the own variables last', () => {
    const found = environment({
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'keys' } }],
      env: [
        { name: 'P_COLOR', value: 'blue' },
        { name: 'SIZE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'SIZE' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'URL', value: 'http://$(IP):$(P_COLOR)/$(NOBODY)/$$(IP)' },
      ],
    });
    expect(found).toMatchObject({ P_COLOR: 'blue', P_SIZE: '4', TOKEN: 'hush', SIZE: '4', IP: '10.244.0.2', APP: 'web' });
    expect(found['URL']).toBe('http://10.244.0.2:blue/$(NOBODY)/$(IP)');
  });

  it('tells of Services unless the pod does not want that', () => {
    expect(environment({})).toMatchObject({
      MY_WEB_SERVICE_HOST: '10.96.0.7',
      MY_WEB_SERVICE_PORT_HTTP: '80',
      MY_WEB_PORT_80_TCP_ADDR: '10.96.0.7',
    });
    expect(environment({}, { enableServiceLinks: false })).toEqual({});
  });

  it('waits for what it refers to, unless that is optional', () => {
    const missing = { configMapKeyRef: { name: 'absent', key: 'A' } };
    expect(() => environment({ env: [{ name: 'A', valueFrom: missing }] })).toThrow(ContainerConfigError);
    const optional = { configMapKeyRef: { name: 'absent', key: 'A', optional: true } };
    expect(environment({ env: [{ name: 'A', valueFrom: optional }] })['A']).toBeUndefined();
  });
});

describe('references and quantities', () => {
  it('leaves unknown names as they are', () => {
    expect(expandVariables('$(A) $(B) $$(A) $', { A: '1' })).toBe('1 $(B) $(A) $');
  });

  it('rounds resources up to their divisor', () => {
    const container: Container = { name: 'main', image: 'node', resources: { limits: { cpu: '250m', memory: '100Mi' } } };
    const pod = { spec: { containers: [container] } } as unknown as Pod;
    expect(resourceValue(pod, container, { resource: 'limits.cpu' })).toBe('1');
    expect(resourceValue(pod, container, { resource: 'limits.cpu', divisor: '1m' })).toBe('250');
    expect(resourceValue(pod, container, { resource: 'limits.memory', divisor: '1Mi' })).toBe('100');
  });
});
