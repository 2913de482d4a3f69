import { beforeEach, describe, expect, it } from 'vitest';
import { resources } from '../store/resources.ts';
import { ObjectStore } from '../store/store.ts';
import { clusterName } from './cluster-names.ts';

const domain = 'cluster.local';
let store: ObjectStore;

beforeEach(() => {
  store = new ObjectStore();
  store.create(resources.namespaces, { metadata: { name: 'shop' } });
  const service = (name: string, spec: object) =>
    store.create(resources.services, { metadata: { namespace: 'shop', name }, spec });
  service('web', { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] });
  service('store', { clusterIP: 'None', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] });
  service('idle', { clusterIP: 'None', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] });
  service('alias', { type: 'ExternalName', externalName: 'Example.com.' });
  store.create(resources.endpointSlices, {
    metadata: { namespace: 'shop', name: 'store-1', labels: { 'kubernetes.io/service-name': 'store' } },
    endpoints: [
      { addresses: ['10.244.0.2'], hostname: 'store-0', conditions: { ready: true } },
      { addresses: ['10.244.0.3'], conditions: { ready: true } },
      { addresses: ['10.244.0.4'], conditions: { ready: false } },
    ],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  });
});

const ask = (name: string, type = 'A') => clusterName(store, domain, name, type);
const data = (name: string, type = 'A') => {
  const answer = ask(name, type);
  return answer.kind === 'found' ? answer.answers.map((record) => ('data' in record ? record.data : undefined)) : answer.kind;
};

describe('names of the cluster', () => {
  it('are those of Services, in any case', () => {
    expect(data('Web.shop.SVC.cluster.local.')).toEqual(['10.96.0.7']);
    expect(data('web.shop.svc.cluster.local', 'AAAA')).toEqual([]);
  });

  it('of headless Services are those of ready pods', () => {
    expect(data('store.shop.svc.cluster.local')).toEqual(['10.244.0.2', '10.244.0.3']);
    expect(data('store-0.store.shop.svc.cluster.local')).toEqual(['10.244.0.2']);
    expect(data('10-244-0-3.store.shop.svc.cluster.local')).toEqual(['10.244.0.3']);
    expect(data('10-244-0-4.store.shop.svc.cluster.local')).toBe('no-such-name');
    expect(data('idle.shop.svc.cluster.local')).toBe('no-such-name');
  });

  it('have records for ports', () => {
    expect(data('_http._tcp.web.shop.svc.cluster.local', 'SRV')).toEqual([
      { priority: 0, weight: 100, port: 80, target: 'web.shop.svc.cluster.local' },
    ]);
    expect(data('_http._tcp.store.shop.svc.cluster.local', 'SRV')).toMatchObject([
      { weight: 50, port: 8080, target: 'store-0.store.shop.svc.cluster.local' },
      { weight: 50, port: 8080, target: '10-244-0-3.store.shop.svc.cluster.local' },
    ]);
    expect(data('_http._udp.web.shop.svc.cluster.local', 'SRV')).toBe('no-such-name');
  });

  it('may stand for others', () => {
    expect(ask('alias.shop.svc.cluster.local')).toMatchObject({ kind: 'alias', target: 'example.com' });
  });

  it('of pods are their addresses', () => {
    expect(data('10-244-0-9.shop.pod.cluster.local')).toEqual(['10.244.0.9']);
    expect(data('10-244-0-9.nowhere.pod.cluster.local')).toBe('no-such-name');
  });

  it('are found backwards', () => {
    expect(data('7.0.96.10.in-addr.arpa', 'PTR')).toEqual(['web.shop.svc.cluster.local']);
    expect(data('2.0.244.10.in-addr.arpa', 'PTR')).toEqual(['store-0.store.shop.svc.cluster.local']);
    expect(data('1.1.1.1.in-addr.arpa', 'PTR')).toBe('other');
  });

  it('exist without records above Services, and not at all where nothing is', () => {
    expect(data('shop.svc.cluster.local')).toEqual([]);
    expect(data('nobody.shop.svc.cluster.local')).toBe('no-such-name');
    expect(data('web.nowhere.svc.cluster.local')).toBe('no-such-name');
    expect(data('example.com')).toBe('other');
  });
});
