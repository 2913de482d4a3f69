import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, describe, expect, it } from 'vitest';
import { cidrOf, formatCidr } from '#base/common/cidr.ts';
import { formatIp, ipFromBytes } from '#base/common/ip.ts';
import { unpackAnswers } from '#net/dns/packed-records.ts';
import { wireVersion } from '#protocol/cluster/desktop-wire.ts';
import { type ClusterInfo, type IPNet, WorkloadEvent_Type, WorkloadInfo_State } from '#protocol/cluster/generated/manager_pb.js';
import { TestDnsServer } from './dns/test-dns-server.ts';
import { TestManager } from './test-manager.ts';

const serviceCidrs = '/apis/networking.k8s.io/v1/servicecidrs';
const configMaps = '/api/v1/namespaces/ambassador/configmaps';
const deployments = '/apis/apps/v1/namespaces/shop/deployments';

const subnet = ({ ip, mask }: IPNet) => {
  const address = ipFromBytes(ip);
  return address === undefined ? '' : formatCidr(cidrOf(address, mask));
};
const routes = (info: ClusterInfo) => ({
  service: info.serviceSubnet === undefined ? '' : subnet(info.serviceSubnet),
  pods: info.podSubnets.map(subnet),
});
const codeOf = async (call: Promise<unknown>) => {
  try {
    await call;
    return undefined;
  } catch (error) {
    return ConnectError.from(error).code;
  }
};

async function next<T>(iterator: AsyncIterator<T, unknown>): Promise<T> {
  const result = await iterator.next();
  if (result.done === true) throw new Error('the stream ended');
  return result.value;
}

describe('traffic-manager', () => {
  let bed: TestManager | undefined;
  const start = async (options: Parameters<typeof TestManager.start>[0] = {}) => (bed = await TestManager.start(options));

  afterEach(async () => {
    await bed?.stop();
    bed = undefined;
  });

  it('says what it is, with a version that stock clients can compare', async () => {
    const { laptop } = await start({ env: { AGENT_IMAGE: 'registry.test/telepresence:1' } });
    expect(await laptop.version({})).toMatchObject({ name: 'Telepresence Desktop Traffic Manager', version: wireVersion });
    expect(wireVersion).toMatch(/^v2\.20\.\d+\+desktop\.\d+\.\d+\.\d+$/);
    expect(await laptop.getAgentImageFQN({})).toMatchObject({ fQN: 'registry.test/telepresence:1' });
    expect(await laptop.canConnectAmbassadorCloud({})).toMatchObject({ canConnect: false });
  });

  it('answers NOT_FOUND to a session that it does not know, and keeps one that remains', async () => {
    let now = 0;
    const { laptop, session, manager } = await start({ now: () => now, env: { CLIENT_CONNECTION_TTL: '1m' } });
    now = 50_000;
    await laptop.remain({ session });
    now = 100_000;
    await laptop.remain({ session });
    now = 160_001;
    expect(await codeOf(laptop.remain({ session }))).toBe(Code.NotFound);
    expect(await codeOf(laptop.lookupDNS({ session, name: 'web.', type: 1 }))).toBe(Code.NotFound);
    expect(await codeOf(next(laptop.watchClusterInfo(session)[Symbol.asyncIterator]()))).toBe(Code.NotFound);
    expect(manager.sessions.laptopCount).toBe(0);
  });

  it('refuses laptops in namespaces that it does not manage, and names those that it does', async () => {
    const { laptop } = await start({ env: { MANAGED_NAMESPACES: 'shop pay' } });
    const arrival = laptop.arriveAsClient({ name: 'me@laptop', namespace: 'other', product: 'telepresence' });
    await expect(arrival).rejects.toMatchObject({ code: Code.FailedPrecondition });
    await expect(arrival).rejects.toThrow(/does not manage the namespace "other"\nIt manages shop, pay/);
  });

  it('describes the cluster, and again when it changes', async () => {
    const { laptop, session, api } = await start({
      prepare: (cluster) => {
        cluster.put(serviceCidrs, {
          metadata: { name: 'kubernetes' },
          spec: { cidrs: ['10.96.0.0/16', 'fd00:10::/108'] },
        } as never);
        cluster.put('/api/v1/nodes', { metadata: { name: 'one' }, spec: { podCIDRs: ['10.244.0.0/24'] } } as never);
      },
    });
    const infos = laptop.watchClusterInfo(session)[Symbol.asyncIterator]();
    const first = await next(infos);
    expect(routes(first)).toEqual({ service: '10.96.0.0/16', pods: ['10.244.0.0/24', 'fd00:10::/108'] });
    expect(first).toMatchObject({ clusterDomain: 'cluster.local.', dns: { clusterDomain: 'cluster.local.' } });
    expect(formatIp(ipFromBytes(first.managerPodIp) ?? { family: 4, value: 0n })).toBe('10.244.0.7');
    api.put('/api/v1/nodes', { metadata: { name: 'two' }, spec: { podCIDRs: ['10.244.1.0/24'] } } as never);
    expect(routes(await next(infos)).pods).toEqual(['10.244.0.0/23', 'fd00:10::/108']);
    const yaml = 'routing:\n  alsoProxySubnets: [10.9.0.0/16]\ndns:\n  includeSuffixes: [.corp]\n';
    api.put(configMaps, {
      metadata: { name: 'traffic-manager', namespace: 'ambassador' },
      data: { 'client.yaml': yaml },
    } as never);
    const configured = await next(infos);
    expect(configured.routing?.alsoProxySubnets.map(subnet)).toEqual(['10.9.0.0/16']);
    expect(configured.dns?.includeSuffixes).toEqual(['.corp']);
    expect(new TextDecoder().decode((await laptop.getClientConfig({})).configYaml)).toBe(yaml);
    await infos.return?.();
  });

  it('finds subnets without the right to see nodes or service ranges', async () => {
    const { laptop, session, api } = await start({
      prepare: (cluster) => {
        cluster.refuse('/api/v1/nodes', 403);
        cluster.refuse(serviceCidrs, 403);
        cluster.refuse('/api/v1/namespaces/ambassador/services', 422, 'The range of valid IPs is 10.43.0.0/16');
        cluster.put('/api/v1/pods', { metadata: { name: 'a', namespace: 'shop' }, status: { podIP: '10.42.1.5' } } as never);
      },
    });
    const infos = laptop.watchClusterInfo(session)[Symbol.asyncIterator]();
    expect(routes(await next(infos))).toEqual({ service: '10.43.0.0/16', pods: ['10.42.1.0/24'] });
    api.put('/api/v1/pods', { metadata: { name: 'b', namespace: 'shop' }, status: { podIP: '10.42.2.5' } } as never);
    expect(routes(await next(infos)).pods).toEqual(['10.42.0.0/22']);
    await infos.return?.();
  });

  it('looks names up in the namespace of the laptop', async () => {
    const server = new TestDnsServer((name) =>
      name === 'web.shop.svc.cluster.local'
        ? { kind: 'answer', answers: [{ type: 'A', name, ttl: 5, data: '10.96.0.7' }] }
        : { kind: 'answer', rcode: 3 },
    );
    try {
      const { laptop, session } = await start({ nameservers: [await server.start()] });
      const { rCode, rrs } = await laptop.lookupDNS({ session, name: 'web.', type: 1 });
      expect(rCode).toBe(0);
      expect(unpackAnswers(Buffer.from(rrs))).toMatchObject([{ name: 'web', data: '10.96.0.7' }]);
      expect((await laptop.lookupDNS({ session, name: 'nothing.', type: 1 })).rCode).toBe(3);
    } finally {
      await server.stop();
    }
  });

  it('tells all workloads of the namespace first, then changes, and leaves out what is not one', async () => {
    const ready = { spec: { replicas: 1 }, status: { replicas: 1, readyReplicas: 1, updatedReplicas: 1 } };
    const inShop = (name: string, more: object = {}) => ({ metadata: { name, namespace: 'shop', ...more }, ...ready });
    const { laptop, session, api } = await start({
      prepare: (cluster) => {
        cluster.addCollections(deployments, '/apis/apps/v1/namespaces/shop/statefulsets');
        cluster.put(deployments, inShop('web'));
        cluster.put('/apis/apps/v1/namespaces/shop/replicasets', inShop('web-1', { ownerReferences: [{ controller: true }] }));
      },
    });
    const deltas = laptop.watchWorkloads({ sessionInfo: session })[Symbol.asyncIterator]();
    const names = async () => (await next(deltas)).events.map(({ type, workload }) => [type, workload?.name, workload?.state]);
    expect(await names()).toEqual([[WorkloadEvent_Type.ADDED_UNSPECIFIED, 'web', WorkloadInfo_State.AVAILABLE]]);
    api.put(deployments, { ...inShop('web'), status: { replicas: 1 } } as never);
    expect(await names()).toEqual([[WorkloadEvent_Type.MODIFIED, 'web', WorkloadInfo_State.PROGRESSING]]);
    api.remove(deployments, 'web', 'shop');
    expect(await names()).toEqual([[WorkloadEvent_Type.DELETED, 'web', WorkloadInfo_State.PROGRESSING]]);
    await deltas.return?.();
  });

  it('never offers itself', async () => {
    const own = '/apis/apps/v1/namespaces/ambassador/deployments';
    const { laptop } = await start({
      prepare: (cluster) => {
        cluster.put(own, { metadata: { name: 'traffic-manager', namespace: 'ambassador' } });
        cluster.put(own, { metadata: { name: 'other', namespace: 'ambassador' } });
      },
    });
    const session = await laptop.arriveAsClient({ name: 'me@laptop', namespace: 'ambassador', product: 'telepresence' });
    const deltas = laptop.watchWorkloads({ sessionInfo: session })[Symbol.asyncIterator]();
    expect((await next(deltas)).events.map(({ workload }) => workload?.name)).toEqual(['other']);
    await deltas.return?.();
  });

  it('ends the watches of a session that departs', async () => {
    const { laptop, session } = await start();
    const watches = [laptop.watchAgentPods(session), laptop.watchAgents(session), laptop.watchIntercepts(session)].map((stream) =>
      stream[Symbol.asyncIterator](),
    );
    for (const watch of watches)
      expect(await next<object>(watch)).toMatchObject(watch === watches[2] ? { intercepts: [] } : { agents: [] });
    const dial = laptop.watchDial(session)[Symbol.asyncIterator]();
    const ends = [...watches, dial].map(async (watch) => (await watch.next()).done);
    await laptop.depart(session);
    expect(await Promise.all(ends)).toEqual([true, true, true, true]);
  });

  it('changes its log level for a while and tells who watches it', async () => {
    const { laptop } = await start({ env: { LOG_LEVEL: 'error' } });
    const levels = laptop.watchLogLevel({})[Symbol.asyncIterator]();
    expect((await next(levels)).logLevel).toBe('error');
    await laptop.setLogLevel({ logLevel: 'debug', duration: { seconds: 0n, nanos: 20_000_000 } });
    expect((await next(levels)).logLevel).toBe('debug');
    expect((await next(levels)).logLevel).toBe('error');
    expect(await codeOf(laptop.setLogLevel({ logLevel: 'loud' }))).toBe(Code.InvalidArgument);
    await levels.return?.();
  });

  it('is ready when it knows the cluster, and counts for Prometheus', async () => {
    const { healthUrl, laptop, session } = await start();
    expect((await fetch(`${healthUrl}/healthz`)).status).toBe(200);
    await next(laptop.watchClusterInfo(session)[Symbol.asyncIterator]());
    expect((await fetch(`${healthUrl}/readyz`)).status).toBe(200);
    expect((await fetch(`${healthUrl}/`)).status).toBe(404);
  });

  it('stops within 3 s, ending every stream in order', async () => {
    const { laptop, session, manager, tunnelSession } = await start();
    const dialEnd = laptop.watchDial(session)[Symbol.asyncIterator]().next();
    const infos = laptop.watchClusterInfo(session)[Symbol.asyncIterator]();
    await next(infos);
    const ends = [infos.next(), dialEnd].map(async (end) => (await end).done);
    const goaway = new Promise<number>((resolve) => tunnelSession.once('goaway', resolve));
    const startedAt = performance.now();
    await manager.stop();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(await goaway).toBe(0);
    expect(await Promise.all(ends)).toEqual([true, true]);
    expect(await codeOf(laptop.version({}, { timeoutMs: 1_000 }))).toBeDefined();
  });
});
