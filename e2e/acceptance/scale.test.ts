import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { freshManager } from '../support/fresh-manager.ts';
import { objectPath } from '../support/objects.ts';
import { type PodUsage, podUsage } from '../support/pod-usage.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { WireFleet } from '../support/wire-fleet.ts';
import { deployment } from '../workloads/manifests.ts';

const missing = missingForProduct();

const [workloads, laptops, agents, changes] = [1_000, 50, 200, 100];

const limits = { managerMib: 150, p99Ms: 1_000 };

const nameOf = (index: number) => `load-${index}`;

/** A namespace of a thousand workloads, which fifty people look at and work in. */
describe.skipIf(missing !== undefined)(titled('scale', missing), () => {
  let bed: Bed;
  let fleet: WireFleet;

  beforeAll(async () => {
    bed = await createBed('scale', { isWorldEmpty: true });
    await freshManager(bed.cluster);
    const { namespace } = bed.world;
    const names = Array.from({ length: workloads }, (_, index) => nameOf(index));
    await inParallel(names, create);
    const [pod] = await bed.cluster.readyPods(settings.managerNamespace, 'traffic-manager');
    fleet = new WireFleet(`http://${pod?.status.podIP ?? ''}:8081`, namespace);
    await fleet.addLaptops(laptops);
    await fleet.addAgents(names.slice(0, agents));
  });
  afterAll(async () => {
    await fleet?.end();
    await bed?.close();
  });

  async function create(name: string): Promise<void> {
    const { namespace } = bed.world;
    const object = deployment(namespace, name, {
      replicas: 0,
      ports: [{ name: 'http', port: 8080 }],
      readiness: { tcpSocket: { port: 8080 } },
    });
    await bed.cluster.kube.request({ method: 'POST', path: `/apis/apps/v1/namespaces/${namespace}/deployments`, body: object });
  }

  async function remove(name: string): Promise<void> {
    await bed.cluster.kube.request({ method: 'DELETE', path: objectPath('Deployment', name, bed.world.namespace) });
  }

  async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const queue = [...items];
    const worker = async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    };
    await Promise.all(Array.from({ length: 16 }, worker));
  }

  async function managerUsage(): Promise<PodUsage> {
    const found = [...(await podUsage(bed.cluster, settings.managerNamespace))].find(([name]) =>
      name.startsWith('traffic-manager'),
    );
    if (found === undefined) throw new Error('the kubelet does not know the traffic-manager yet');
    return found[1];
  }

  async function laterThan({ at }: PodUsage): Promise<PodUsage> {
    return await eventually('the kubelet has looked again', async () => {
      const usage = await managerUsage();
      expect(usage.at).toBeGreaterThan(at);
      return usage;
    });
  }

  /** How long each change took until the last laptop knew it. */
  async function measure(
    makeChange: (index: number) => Promise<(known: ReadonlyMap<string, string>) => boolean>,
  ): Promise<number> {
    const took: number[] = [];
    for (let index = 0; index < changes; index += 1) {
      const startedAt = performance.now();
      await fleet.untilAllSee(await makeChange(index));
      took.push(performance.now() - startedAt);
    }
    took.sort((a, b) => a - b);
    const at = (share: number) => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0);
    console.log(`seen by all ${laptops} laptops: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, of ${changes}`);
    return at(0.99);
  }

  it('is known to all within a second of a change of workloads', async () => {
    await eventually('all laptops know all workloads', () => expect(fleet.knownWorkloads).toBe(workloads), { timeoutMs: 60_000 });
    const p99 = await measure(async (index) => {
      if (index % 2 === 0) {
        await create('newcomer');
        return (known) => known.has('newcomer');
      }
      await remove('newcomer');
      return (known) => !known.has('newcomer');
    });
    expect(p99).toBeLessThanOrEqual(limits.p99Ms);
  });

  it('is known to all within a second of an intercept that began or ended', async () => {
    const p99 = await measure(async (index) => {
      const { manager, session } = fleet.laptops[Math.floor(index / 2) % laptops] ?? fleet.laptops[0] ?? fail();
      const agent = nameOf(Math.floor(index / 2) % agents);
      if (index % 2 === 1) {
        await manager.removeIntercept({ session, name: agent });
        return (known) => known.get(agent) === '';
      }
      const spec = { name: agent, agent, namespace: bed.world.namespace, workloadKind: 'Deployment', mechanism: 'tcp' };
      const interceptSpec = { ...spec, containerPort: 8080, protocol: 'TCP', targetHost: '127.0.0.1', targetPort: 8080 };
      await manager.createIntercept({ session, interceptSpec });
      return (known) => known.get(agent)?.startsWith('dev-') === true;
    });
    expect(p99).toBeLessThanOrEqual(limits.p99Ms);
  });

  it('keeps the traffic-manager small', async () => {
    // The first look may be of before the last change.
    const first = await laterThan(await managerUsage());
    const last = await laterThan(first);
    const cpu = (last.cpuSeconds - first.cpuSeconds) / ((last.at - first.at) / 1_000);
    console.log(
      `traffic-manager with ${workloads} workloads, ${laptops} laptops and ${agents} agents: ${Math.round(last.memoryMib)} MiB, ${(cpu * 100).toFixed(1)} % of a core while nothing changes`,
    );
    expect(last.memoryMib).toBeLessThan(limits.managerMib);
  });
});

function fail(): never {
  throw new Error('there is no laptop');
}
