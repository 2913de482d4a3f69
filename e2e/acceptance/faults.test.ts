import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LaptopSnapshot } from '../laptop/laptop-snapshot.ts';
import { missingForOutage, withoutApiServer } from '../support/api-server-outage.ts';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { type HeldConnection, holdConnection } from '../support/held-connection.ts';
import { productProcesses } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { streamPorts } from '../workloads/world.ts';

const missing = missingForProduct();

/** After a fault is over, everything works again within this, without anybody doing something. */
const recoveryMs = 30_000;

describe.skipIf(missing !== undefined)(titled('faults', missing), () => {
  let bed: Bed;
  /** Before the daemons were started. */
  let before: LaptopSnapshot;
  let held: HeldConnection | undefined;
  beforeAll(async () => {
    bed = await createBed('faults', { hasRelay: true });
  });
  beforeEach(async () => {
    await bed.product.quit();
    before = await bed.laptop.snapshot();
    await bed.product.connect();
    await works();
  });
  afterEach(async () => {
    held?.stop();
    held = undefined;
    await bed.relay.heal();
    await bed.laptop.thaw();
  });
  afterAll(async () => await bed?.close());

  async function works(): Promise<void> {
    expect((await curl(bed.laptop, `http://web.${bed.world.namespace}`, 5)).pod).toMatch(/^web-/);
  }

  async function worksAgain(timeoutMs = recoveryMs): Promise<void> {
    await eventually('the service answers again', works, { timeoutMs });
    await bed.product.waitForState('on', 10_000);
  }

  /** Interfaces, routes, rules and DNS; processes and sockets aside. */
  async function networkIsAsBefore(timeoutMs: number): Promise<void> {
    const network = (snapshot: LaptopSnapshot) =>
      Object.fromEntries(Object.entries(snapshot).filter(([name]) => !/^(files|processes)/.test(name)));
    await eventually(
      "the laptop's network is as before",
      async () => expect(network(await bed.laptop.snapshot())).toEqual(network(before)),
      { timeoutMs },
    );
  }

  async function canBeUsedAfterwards(): Promise<void> {
    await bed.product.connect();
    await works();
    await bed.product.quit();
    expect(await bed.laptop.snapshot()).toEqual(before);
  }

  it('puts network and DNS back within 2 s when the daemon is killed', async () => {
    expect(await bed.laptop.signal('SIGKILL', productProcesses.daemon)).toBeGreaterThan(0);
    await networkIsAsBefore(2_000);
    expect((await bed.laptop.must(['getent', 'hosts', 'intranet.corp'])).split(/\s+/)[0]).toBe('192.0.2.90');
    await canBeUsedAfterwards();
  });

  it('is off for good where it is quit after its daemon was killed', async () => {
    const { name = '' } = (await bed.product.status()).user_daemon;
    await bed.laptop.signal('SIGKILL', productProcesses.daemon);
    expect((await bed.product.must(['quit', '-s'])).stdout).toContain(`Forgot ${name}`);
    await bed.product.must(['list-contexts']);
    expect((await bed.product.status()).user_daemon).toMatchObject({ running: true, state: 'off' });
    await canBeUsedAfterwards();
  });

  it('recovers or can be stopped when the helper is killed', async () => {
    expect(await bed.laptop.signal('SIGKILL', productProcesses.helper)).toBeGreaterThan(0);
    // Whatever the product makes of it, the next command must not be lost, and names outside the cluster must resolve.
    await bed.product.connect();
    await worksAgain();
    expect((await bed.laptop.must(['getent', 'hosts', 'intranet.corp'])).split(/\s+/)[0]).toBe('192.0.2.90');
    await bed.product.quit();
    expect(await bed.laptop.snapshot()).toEqual(before);
  });

  it('puts network and DNS back at the next start when both are killed', async () => {
    await bed.laptop.signal('SIGKILL', productProcesses.helper);
    await bed.laptop.signal('SIGKILL', productProcesses.daemon);
    await canBeUsedAfterwards();
  });

  it("resets connections in flight and goes on by itself when the traffic-manager's pod is deleted", async () => {
    held = await holdConnection(bed.laptop, `streams.${bed.world.namespace}`, streamPorts.echo);
    const [manager] = (await bed.cluster.pods(settings.managerNamespace)).filter((pod) =>
      pod.metadata.name.startsWith('traffic-manager'),
    );
    await bed.cluster.delete('Pod', manager?.metadata.name ?? '', settings.managerNamespace, 0);
    await held.waitForEnd(15_000);
    await worksAgain(60_000);
  });

  it('gets over 20 s without the API server', async () => {
    await bed.relay.refuse();
    await sleep(20_000);
    expect((await bed.product.status()).user_daemon.state).toBe('trouble');
    expect((await bed.laptop.must(['getent', 'hosts', 'intranet.corp'])).split(/\s+/)[0]).toBe('192.0.2.90');
    await bed.relay.heal();
    await worksAgain();
  });

  const withoutOutage = missingForOutage();
  it.skipIf(withoutOutage !== undefined)(
    titled('gets over 20 s in which the whole cluster is without its API server', withoutOutage),
    async () => {
      await withoutApiServer(20_000);
      await worksAgain(60_000);
    },
  );

  const sleepMs = settings.isBrief ? 15_000 : 60_000;
  it(`goes on after a sleep of ${sleepMs / 1_000} s`, async () => {
    await bed.laptop.freeze();
    await sleep(sleepMs);
    await bed.laptop.thaw();
    await worksAgain();
  });

  it('goes on after a sleep in which all connections died', async () => {
    await bed.laptop.freeze();
    await bed.relay.refuse();
    await sleep(2_000);
    await bed.relay.heal();
    await bed.laptop.thaw();
    await worksAgain();
  });

  it("goes on when the laptop's address changes", async () => {
    await bed.laptop.changeAddress();
    await worksAgain();
    // That the old address is gone is not the product's doing.
    await bed.product.quit();
    expect((await bed.laptop.snapshot())['nft ruleset']).toEqual(before['nft ruleset']);
  });

  it('notices a silent port-forward within 15 s when idle, and comes back', async () => {
    bed.relay.blackhole();
    await bed.product.waitForState('trouble', 17_000);
    await bed.relay.heal();
    await worksAgain();
  });

  it('ends connections in flight on a silent port-forward within seconds, instead of letting them hang', async () => {
    held = await holdConnection(bed.laptop, `streams.${bed.world.namespace}`, streamPorts.echo);
    bed.relay.blackhole();
    await held.waitForEnd(15_000);
    await bed.relay.heal();
    await worksAgain();
  });

  it('keeps a connection through trouble that is shorter than its patience', async () => {
    held = await holdConnection(bed.laptop, `streams.${bed.world.namespace}`, streamPorts.echo);
    bed.relay.blackhole();
    await sleep(1_500);
    await bed.relay.heal();
    const soFar = held.echoes();
    await eventually('the connection goes on', () => expect(held?.echoes()).toBeGreaterThan(soFar + 2));
  });

  it('sees a pod that is replaced', async () => {
    const [pod] = await bed.cluster.readyPods(bed.world.namespace, 'streams');
    held = await holdConnection(bed.laptop, `streams.${bed.world.namespace}`, streamPorts.echo);
    await bed.cluster.delete('Pod', pod?.metadata.name ?? '', bed.world.namespace, 0);
    await held.waitForEnd(15_000);
    await bed.cluster.readyPods(bed.world.namespace, 'streams');
    held = await eventually(
      'the new pod echoes',
      async () => await holdConnection(bed.laptop, `streams.${bed.world.namespace}`, streamPorts.echo),
    );
  });
});
