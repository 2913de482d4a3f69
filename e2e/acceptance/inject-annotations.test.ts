import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentContainer, hasAgent, livePods, onlyPod, podEssence } from '../support/agent-pods.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp, askUdp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import type { KubeObject, Pod } from '../support/objects.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, type PodOptions, programConfigMap, service, statefulSet } from '../workloads/manifests.ts';

const missing = missingForProduct();

const http = { name: 'http', port: 8080 };
const admin = { name: 'admin', port: 8081 };
const udp = { name: 'udp', port: 9001, protocol: 'UDP' as const };
const both = [
  { ...http, targetPort: 'http' },
  { ...admin, targetPort: 'admin' },
];
const env = [
  { name: 'TCP_PORTS', value: '8080,8081' },
  { name: 'UDP_PORTS', value: '9001' },
];
const app: PodOptions = { program: 'app', env, ports: [http, admin, udp], readiness: { httpGet: { path: '/', port: 'http' } } };

describe.skipIf(missing !== undefined)(titled('inject-annotations', missing), () => {
  let bed: Bed;
  let namespace: string;
  let handler: Handler | undefined;

  beforeAll(async () => {
    bed = await createBed('inject-annotations', { isWorldEmpty: true });
    namespace = bed.world.namespace;
    const enabled = { 'telepresence.io/inject-traffic-agent': 'enabled' };
    await bed.cluster.apply([
      programConfigMap(namespace, 'app', await bundleProgram('app')),
      ...annotated('enabled', enabled),
      ...annotated('older', { 'telepresence.getambassador.io/inject-traffic-agent': 'enabled' }),
      ...annotated('disabled', { 'telepresence.io/inject-traffic-agent': 'disabled' }),
      ...annotated('unclear', { 'telepresence.io/inject-traffic-agent': 'maybe' }),
      ...annotated('by-hand', { 'telepresence.io/manually-injected': 'true' }),
      ...annotated('one-service', { 'telepresence.io/inject-service-name': 'second' }),
      service(namespace, 'second', [{ ...admin, targetPort: 'admin' }], { app: 'one-service' }),
      ...annotated('one-port', { 'telepresence.io/inject-service-ports': 'admin' }),
      ...annotated('besides', { 'telepresence.io/inject-container-ports': '9001/UDP' }),
      ...annotated('ignoring', { ...enabled, 'telepresence.io/inject-ignore-volume-mounts': 'program' }),
      ...annotated('read-only', { ...enabled, 'telepresence.io/mount-policies': '{"/program":"RemoteReadOnly"}' }),
      deployment(namespace, 'plain', app),
      service(namespace, 'plain', both),
      statefulSet(namespace, 'kept', app),
      service(namespace, 'kept', [{ ...http }], { isHeadless: true }),
    ]);
    for (const name of ['enabled', 'disabled', 'one-service', 'one-port', 'besides', 'plain', 'kept', 'read-only', 'by-hand'])
      await bed.cluster.readyPods(namespace, name);
    await bed.product.connect();
    handler = await startHandler(bed.laptop, [8080, '9001/UDP']);
  });
  afterAll(async () => {
    handler?.stop();
    await bed?.close();
  });

  function annotated(name: string, annotations: Readonly<Record<string, string>>): readonly KubeObject[] {
    return [deployment(namespace, name, { ...app, annotations }), service(namespace, name, both)];
  }

  async function agentOf(name: string): Promise<Pod['spec']['containers'][number] & { readonly volumeMounts?: unknown }> {
    const [pod] = await bed.cluster.readyPods(namespace, name);
    const agent = pod?.spec.containers.find((container) => container.name === agentContainer);
    if (agent === undefined) throw new Error(`${name} has no agent`);
    return agent;
  }

  it.each(['enabled', 'older'])('puts an agent into new pods where the template asks for it: %s', async (name) => {
    const [pod] = await bed.cluster.readyPods(namespace, name);
    expect(pod?.spec.containers.map((container) => container.name)).toEqual([name, agentContainer]);
    expect(pod?.metadata.labels).toMatchObject({
      'telepresence.io/workloadName': name,
      'telepresence.io/workloadKind': 'Deployment',
    });
    // The configuration is the pod's own: nothing else in the namespace holds it.
    const config = JSON.parse(pod?.metadata.annotations?.['telepresence.io/agent-config'] ?? '{}') as Record<string, unknown>;
    expect(config).toMatchObject({ namespace, workload: { kind: 'Deployment', name } });
    expect(await bed.cluster.find('ConfigMap', 'telepresence-agents', namespace)).toBeUndefined();
    const { stdout } = await bed.product.must(['uninstall', name]);
    expect(stdout).toContain(`No agents in ${name}`);
    expect((await livePods(bed.cluster, namespace, name)).every(hasAgent)).toBe(true);
  });

  it.each([
    ['disabled', /inject-traffic-agent is "disabled"/],
    ['unclear', /neither "enabled" nor "disabled"/],
    ['by-hand', /manually-injected/],
  ])('refuses without touching a pod: %s', async (name, words) => {
    const before = await onlyPod(bed.cluster, namespace, name);
    const failure = await bed.product.fails(['intercept', name, '--port', '8080:http']);
    expect(failure.code).toBe('workload.not-interceptable');
    expect(failure.words).toMatch(words);
    expect((await onlyPod(bed.cluster, namespace, name)).metadata.uid).toBe(before.metadata.uid);
  });

  it.each(['one-service', 'one-port'])('takes no other port into account than the annotation says: %s', async (name) => {
    await bed.product.must(['intercept', name, '--port', '8080']);
    const ip = await bed.cluster.clusterIp(namespace, name === 'one-service' ? 'second' : name);
    expect(await askHttp(ip, 8081)).toBe('laptop 8080 /x');
    expect(await askHttp(await bed.cluster.clusterIp(namespace, name), 8080)).toContain('"port":8080');
    await bed.product.must(['leave', name]);
  });

  it('takes ports of a container besides those of Services', async () => {
    await bed.product.must(['intercept', 'besides', '--port', '9001:9001/UDP']);
    const [pod] = await bed.cluster.readyPods(namespace, 'besides');
    expect(await askUdp(pod?.status.podIP ?? '', 9001, 'hello')).toBe('laptop 9001 hello');
    await bed.product.must(['leave', 'besides']);
  });

  it('shares volumes as the annotations say', async () => {
    expect(JSON.stringify((await agentOf('ignoring')).volumeMounts)).not.toContain('program');
    expect((await agentOf('enabled')).volumeMounts).toContainEqual({
      name: 'program',
      mountPath: '/tel_app_mounts/enabled/program',
    });
    const mount = { name: 'program', mountPath: '/tel_app_mounts/read-only/program', readOnly: true };
    expect((await agentOf('read-only')).volumeMounts).toContainEqual(mount);
  });

  it('leaves pods that nobody owns alone', async () => {
    const annotations = { 'telepresence.io/inject-traffic-agent': 'enabled' };
    const { spec } = deployment(namespace, 'alone', app) as unknown as { spec: { template: { spec: object } } };
    await bed.cluster.apply([
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'alone', namespace, annotations }, spec: spec.template.spec },
    ]);
    expect((await bed.cluster.find<Pod>('Pod', 'alone', namespace))?.spec.containers).toHaveLength(1);
    await bed.cluster.delete('Pod', 'alone', namespace, 0);
  });

  it.each([
    ['plain', 'Deployment'],
    ['kept', 'StatefulSet'],
  ])('brings the pods of %s back to the letter, and never changes the %s itself', async (name, kind) => {
    const owner = async () => {
      const found = await bed.cluster.find(kind, name, namespace);
      const { generation, annotations } = (found?.metadata ?? {}) as { generation?: number; annotations?: unknown };
      return { generation, annotations, spec: found?.['spec'] };
    };
    const [ownerBefore, before] = [await owner(), await onlyPod(bed.cluster, namespace, name)];
    await bed.product.must(['intercept', name, '--port', '8080:http']);
    expect((await livePods(bed.cluster, namespace, name)).map(hasAgent)).toEqual([true]);
    await bed.product.must(['leave', name]);
    const { stdout } = await bed.product.must(['uninstall', name]);
    expect(stdout).toContain(`Removed the agents of ${name}`);
    await eventually('the pods are as they were', async () => {
      const after = await onlyPod(bed.cluster, namespace, name);
      expect(podEssence(after)).toEqual(podEssence(before));
    });
    expect(await owner()).toEqual(ownerBefore);
  });
});
