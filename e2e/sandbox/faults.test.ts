import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorCheck } from '#protocol/local-api/model.ts';
import { agentContainer, onlyPod } from '../support/agent-pods.ts';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { runClient } from '../support/client-program.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import { type HeldConnection, holdConnection } from '../support/held-connection.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { connectRules, createOrdinaryUser, developRules } from '../support/ordinary-user.ts';
import type { Failure } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';
import { streamPorts } from '../workloads/world.ts';
import { type FaultRow, readFaultTable } from './fault-table.ts';
import { healSandbox, injectFault } from './inject.ts';

const missing = missingForProduct() ?? (settings.sandbox === undefined ? 'needs the sandbox' : undefined);

const rows = readFaultTable();

/** After a fault is over, everything works again within this, without anybody doing something. */
const recoveryMs = 30_000;

/** What a connection that is on has to get over: several of its probes. */
const watchfulMs = 3_000;

const everything = '.*';
const http = { name: 'http', port: 8080 };

describe.skipIf(missing !== undefined)(titled('faults of the sandbox', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;
  let held: HeldConnection | undefined;
  let workloads = 0;

  beforeAll(async () => {
    bed = await createBed('sandbox-faults');
    handler = await startHandler(bed.laptop, [8080]);
    await bed.cluster.apply([programConfigMap(bed.world.namespace, 'app', await bundleProgram('app'))]);
    await bed.product.connect();
  });
  afterEach(async () => {
    held?.stop();
    held = undefined;
    await healSandbox();
    await bed.laptop.writeFile('.kube/config', kubeconfigText({ e2e: bed.context }));
    // Where a test ended early.
    if (workloads > 0) await bed.product.run(['leave', `shop-${workloads}`]);
  });
  afterAll(async () => {
    handler?.stop();
    await bed?.close();
  });

  async function works(): Promise<void> {
    expect((await curl(bed.laptop, `http://web.${bed.world.namespace}`, 5)).pod).toMatch(/^web-/);
  }

  async function worksAgain(): Promise<void> {
    await eventually('the service answers again', works, { timeoutMs: recoveryMs });
    await bed.product.waitForState('on', recoveryMs);
  }

  async function state(): Promise<string> {
    return (await bed.product.status()).user_daemon.state;
  }

  async function stateIs({ sees }: FaultRow, expected: string): Promise<void> {
    expect(sees).toContain(`\`${expected}\``);
    expect(await state()).toBe(expected);
  }

  /** The row says so, too. */
  function isToldAs({ sees }: FaultRow, failure: Failure): void {
    expect(sees).toContain(`\`${failure.code}\`, exit code ${failure.exitCode}`);
  }

  /** A connection that is there is not touched, neither by the fault nor by its end; one that is to be made fails as the row says. */
  async function apiFails(row: FaultRow, effect: { readonly status: number } | 'reset'): Promise<Failure> {
    const inject = effect === 'reset' ? ({ kind: 'reset' } as const) : ({ kind: 'status', ...effect } as const);
    const fault = { kind: 'api', path: everything, effect: inject } as const;
    const connection = await hold();
    await injectFault(fault);
    await sleep(watchfulMs);
    await works();
    await stateIs(row, 'on');
    await healSandbox();
    await works();
    expect(connection.hasEnded()).toBe(false);
    await injectFault(fault);
    await bed.product.quit();
    const failure = await bed.product.fails(['connect']);
    isToldAs(row, failure);
    await recovers(row);
    return failure;
  }

  /** The fault is over, and what the row says is enough for everything to work again; nothing else is done. */
  async function recovers({ recovery }: FaultRow, shop = ''): Promise<void> {
    await healSandbox();
    for (const step of recovery.split(/[;,] /)) {
      switch (step) {
        case 'at once':
          await works();
          expect(await state()).toBe('on');
          break;
        case 'by itself':
          await worksAgain();
          break;
        case 'intercepts too':
          await eventually('callers reach the laptop', async () => expect(await ask(shop)).toBe('laptop 8080 /x'), {
            timeoutMs: recoveryMs,
          });
          break;
        case 'the pods are put back': {
          const pod = await onlyPod(bed.cluster, bed.world.namespace, shop);
          expect(pod.spec.containers.map(({ name }) => name)).not.toContain(agentContainer);
          break;
        }
        case 'with the next `connect`':
          await bed.product.connect();
          await works();
          break;
        case 'with the next `intercept`':
          await eventually('the app answers', async () => expect(await ask(shop)).toContain('"pod":"shop-'));
          await interceptWorks(shop);
          break;
        default:
          throw new Error(`no test knows what "${step}" is`);
      }
    }
  }

  /** The check fails, and says which of the clocks is ahead. */
  async function clockFails({ sees }: FaultRow, aheadMs: number): Promise<void> {
    await injectFault({ kind: 'clock-skew', aheadMs });
    const { code, stdout } = await bed.product.run(['--output', 'json', 'doctor', 'clock']);
    const [clock] = (JSON.parse(stdout) as { readonly checks: readonly DoctorCheck[] }).checks;
    expect(clock).toMatchObject({
      id: 'clock',
      status: 'fail',
      remedies: [{ label: expect.stringMatching(/clock/) as unknown }],
    });
    expect(clock?.reason).toMatch(aheadMs > 0 ? /^It is \d+ s behind/ : /^It is \d+ s ahead of/);
    expect(sees).toContain(`\`doctor\` fails with its check \`${clock?.id}\`, exit code ${code}`);
  }

  async function clockIsOff(row: FaultRow, aheadMs: number): Promise<void> {
    await clockFails(row, aheadMs);
    await works();
    await bed.product.quit();
    await bed.product.connect();
    await works();
    await stateIs(row, 'on');
    await recovers(row);
    await bed.product.must(['doctor', 'clock']);
  }

  /** Somebody whose token ends, as those of people do. */
  async function connectWithToken(): Promise<void> {
    const { cluster, laptop, product, world, context } = bed;
    const rights = { [settings.managerNamespace]: connectRules, [world.namespace]: developRules };
    const user = await createOrdinaryUser(cluster, `clock-${world.namespace}`, world.namespace, rights);
    await product.quit();
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...context, user } }));
    await product.connect();
  }

  /** A workload of its own for each test, for an agent stays in a pod. */
  async function createShop(): Promise<string> {
    workloads += 1;
    const name = `shop-${workloads}`;
    const { namespace } = bed.world;
    await bed.cluster.apply([
      deployment(namespace, name, { program: 'app', ports: [http], readiness: { httpGet: { path: '/', port: 8080 } } }),
      service(namespace, name, [{ ...http, port: 80, targetPort: 'http' }]),
    ]);
    await bed.cluster.readyPods(namespace, name);
    return name;
  }

  async function ask(shop: string): Promise<string> {
    return await askHttp(await bed.cluster.clusterIp(bed.world.namespace, shop), 80);
  }

  /** Image of the traffic-manager and of agents. */
  async function agentImage(): Promise<string> {
    const [pod] = await bed.cluster.readyPods(settings.managerNamespace, 'traffic-manager');
    return pod?.spec.containers[0]?.image ?? '';
  }

  const interceptOf = (shop: string) => ['intercept', shop, '--port', '8080:http'];

  async function interceptWorks(shop: string): Promise<void> {
    await bed.product.must(interceptOf(shop));
    expect(await ask(shop)).toBe('laptop 8080 /x');
    await bed.product.must(['leave', shop]);
  }

  async function answersByApp({ sees }: FaultRow, shop: string): Promise<void> {
    expect(sees).toContain('callers are answered by the app');
    await eventually('the app answers', async () => expect(await ask(shop)).toContain('"pod":"shop-'));
  }

  async function hold(): Promise<HeldConnection> {
    held = await holdConnection(bed.laptop, `streams.${bed.world.namespace}`, streamPorts.echo);
    return held;
  }

  const scenarios: Readonly<Record<string, (row: FaultRow) => Promise<void>>> = {
    'Port-forward: 300 ms of delay each way': async (row) => {
      await injectFault({ kind: 'port-forward', delayMs: 300 });
      const startedAt = performance.now();
      await works();
      expect(performance.now() - startedAt).toBeGreaterThan(600);
      await stateIs(row, 'on');
      await recovers(row);
    },
    'Port-forward: 200 kB/s': async (row) => {
      await injectFault({ kind: 'port-forward', bytesPerSecond: 200_000 });
      const address = `streams.${bed.world.namespace}`;
      const bulk = runClient<{ readonly seconds: number }>(bed.laptop, 'bulk', [
        'download',
        address,
        streamPorts.source,
        1_000_000,
      ]);
      await works();
      await stateIs(row, 'on');
      expect((await bulk).seconds).toBeGreaterThan(3);
      await recovers(row);
    },
    'Port-forward: one packet of five lost': async (row) => {
      await injectFault({ kind: 'port-forward', lossPercent: 20 });
      for (let count = 0; count < 5; count += 1) await works();
      await stateIs(row, 'on');
      await recovers(row);
    },
    'Port-forward: silence': async (row) => {
      const connection = await hold();
      const seconds = Number(/within (\d+) s/.exec(row.sees)?.[1]);
      await injectFault({ kind: 'port-forward', isBlackhole: true });
      await connection.waitForEnd(seconds * 1_000);
      await bed.product.waitForState('trouble', 15_000);
      await stateIs(row, 'trouble');
      expect(row.sees).toContain('new ones fail');
      await expect(works()).rejects.toThrow();
      await recovers(row);
    },
    'Port-forward: cut': async (row) => {
      const connection = await hold();
      await injectFault({ kind: 'cut-port-forwards' });
      expect(row.sees).toContain('new ones wait');
      await works();
      await connection.waitForEnd(5_000);
      await recovers(row);
    },
    'API: 401': async (row) => void (await apiFails(row, { status: 401 })),
    'API: 403': async (row) => {
      const failure = await apiFails(row, { status: 403 });
      expect(failure.words).toMatch(/\b(get|list|create)\b/);
    },
    'API: 410 for what watches know': async (row) => {
      await injectFault({ kind: 'forget-history' });
      const shop = await createShop();
      await eventually('it is listed', async () => expect((await bed.product.must(['list'])).stdout).toContain(shop));
      expect((await curl(bed.laptop, `http://${shop}`)).pod).toContain(shop);
      expect(row.sees).toMatch(/^nothing/);
      await recovers(row);
    },
    'API: 429': async (row) => void (await apiFails(row, { status: 429 })),
    'API: 500': async (row) => void (await apiFails(row, { status: 500 })),
    'API: connections reset': async (row) => void (await apiFails(row, 'reset')),
    'Clock: ten minutes ahead of the cluster’s': async (row) => await clockIsOff(row, -10 * 60_000),
    'Clock: ten minutes behind the cluster’s': async (row) => await clockIsOff(row, 10 * 60_000),
    'Clock: behind the cluster’s by more than the life of a token': async (row) => {
      await connectWithToken();
      await clockFails(row, 2 * 3_600_000);
      await works();
      await stateIs(row, 'on');
      await bed.product.quit();
      isToldAs(row, await bed.product.fails(['connect']));
      await recovers(row);
    },
    'Clock: before the cluster’s certificate begins': async (row) => {
      await injectFault({ kind: 'future-certificate' });
      await works();
      await stateIs(row, 'on');
      await bed.product.quit();
      const failure = await bed.product.fails(['connect']);
      isToldAs(row, failure);
      expect(failure.words).toMatch(/not yet valid/i);
      await recovers(row);
    },
    'Image pull: slow': async (row) => {
      const shop = await createShop();
      await injectFault({ kind: 'slow-image-pull', delayMs: 5_000, image: await agentImage() });
      const startedAt = performance.now();
      await interceptWorks(shop);
      expect(performance.now() - startedAt).toBeGreaterThan(5_000);
      expect(row.sees).toBe('`intercept` waits, and then works');
      await recovers(row);
    },
    'Image pull: failing': async (row) => {
      const shop = await createShop();
      await injectFault({ kind: 'fail-image-pull', message: 'the registry is closed on Sundays', image: await agentImage() });
      const failure = await bed.product.fails(interceptOf(shop));
      isToldAs(row, failure);
      expect(failure.words).toContain('closed on Sundays');
      await answersByApp(row, shop);
      await recovers(row, shop);
    },
    'Webhook: down': async (row) => {
      const shop = await createShop();
      await injectFault({ kind: 'webhooks-down' });
      const failure = await bed.product.fails(interceptOf(shop));
      isToldAs(row, failure);
      expect(failure.words).toMatch(/webhook/i);
      const pod = await onlyPod(bed.cluster, bed.world.namespace, shop);
      expect(pod.spec.containers.map(({ name }) => name)).not.toContain(agentContainer);
      await answersByApp(row, shop);
      await recovers(row, shop);
    },
    'Pod: never ready': async (row) => {
      const shop = await createShop();
      await injectFault({ kind: 'never-ready', pod: `${bed.world.namespace}/${shop}-` });
      const failure = await bed.product.fails(interceptOf(shop));
      isToldAs(row, failure);
      expect(failure.words).toContain('Readiness probe failed');
      await recovers(row, shop);
    },
    'Node: restart': async (row) => {
      const shop = await createShop();
      await bed.product.must(interceptOf(shop));
      const connection = await hold();
      await injectFault({ kind: 'restart-node' });
      await connection.waitForEnd(15_000);
      const seen = await eventually('the connection is in trouble', async () => {
        const found = await state();
        expect(found).not.toBe('on');
        return found;
      });
      expect(row.sees).toContain(`\`${seen}\``);
      await recovers(row, shop);
      await bed.product.must(['leave', shop]);
    },
  };

  it('are all described in docs/faults.md, and all that is described there is tested', () => {
    expect(rows.map(({ fault }) => fault)).toEqual(Object.keys(scenarios));
  });

  it.each(rows)('$fault', async (row) => {
    await scenarios[row.fault]?.(row);
  });
});
