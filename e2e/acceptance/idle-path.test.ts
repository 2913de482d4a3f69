import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasAgent, onlyPod } from '../support/agent-pods.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import type { KubeObject } from '../support/objects.ts';
import { podProcesses } from '../support/pod-processes.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';

const missing = missingForProduct();

const cases = [
  { reach: 'named', targetPort: 'http', laptopPort: 8_090 },
  { reach: 'numeric', targetPort: 8_080, laptopPort: 8_091 },
] as const;

describe.skipIf(missing !== undefined)(titled('idle-path', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;
  const callers: Caller[] = [];

  beforeAll(async () => {
    bed = await createBed('idle-path', { isWorldEmpty: true });
    const { cluster, world, product, laptop } = bed;
    const annotations = { 'telepresence.io/inject-traffic-agent': 'enabled', 'telepresence.io/idle-path': 'direct' };
    const ports = [{ name: 'http', port: 8_080 }];
    const readiness = { httpGet: { path: '/', port: 'http' } };
    await cluster.apply([
      programConfigMap(world.namespace, 'app', await bundleProgram('app')),
      ...cases.flatMap(({ reach, targetPort }): readonly KubeObject[] => [
        deployment(world.namespace, reach, { program: 'app', ports, readiness, annotations }),
        service(world.namespace, reach, [{ name: 'http', port: 80, targetPort }]),
      ]),
    ]);
    await product.connect();
    handler = await startHandler(
      laptop,
      cases.map(({ laptopPort }) => laptopPort),
    );
    for (const { reach } of cases) {
      await eventually(`${reach} has an agent`, async () => {
        const [pod] = await cluster.readyPods(world.namespace, reach);
        if (pod !== undefined && hasAgent(pod)) return;
        // An API server that has just heard of a webhook may not call it yet.
        await cluster.delete('Pod', pod?.metadata.name ?? '', world.namespace, 0);
        throw new Error('its pod was made without');
      });
    }
  });
  afterAll(async () => {
    for (const caller of callers) caller.stop();
    handler?.stop();
    await bed?.close();
  });

  it.each(cases)('keeps an idle agent out of the path, and brings it in for intercepts: $reach port', async (one) => {
    const { reach, laptopPort } = one;
    const pod = await onlyPod(bed.cluster, bed.world.namespace, reach);
    const host = await bed.cluster.clusterIp(bed.world.namespace, reach);
    const caller = new Caller(host);
    callers.push(caller);
    // A caller in the cluster is the node; what the agent relays comes from the pod's own address.
    const straight = async () => {
      const { pod: name, from } = JSON.parse(await askHttp(host, 80)) as { readonly pod: string; readonly from: string };
      expect(name).toBe(pod.metadata.name);
      expect(from).not.toBe(pod.status.podIP);
    };
    // A ready pod may be news to the node.
    await eventually('the pod answers', straight);
    expect(await caller.ask()).toContain(pod.metadata.name);
    expect(await caller.ask()).toContain(pod.metadata.name);
    expect(caller.resets).toBe(0);

    const { stdout } = await bed.product.must(['intercept', reach, '--port', String(laptopPort)]);
    expect(stdout).toMatch(/State\s*: ACTIVE/);
    // From the moment that the command returns, also for who kept a connection.
    for (let count = 0; count < 5; count += 1) expect(await askHttp(host, 80)).toBe(`laptop ${laptopPort} /x`);
    expect(await caller.ask()).toBe(`laptop ${laptopPort} /x`);
    expect(caller.resets).toBe(1);

    await bed.product.must(['leave', reach]);
    for (let count = 0; count < 5; count += 1) await straight();
    await eventually('who kept a connection is back', async () => expect(await caller.ask()).toContain(pod.metadata.name));
  });

  it.each(cases)(
    'lets the app answer while the agent of an intercept is dead: $reach port',
    async (one) => {
      const { reach, laptopPort } = one;
      const pod = await onlyPod(bed.cluster, bed.world.namespace, reach);
      const host = await bed.cluster.clusterIp(bed.world.namespace, reach);
      await bed.product.must(['intercept', reach, '--port', String(laptopPort)]);
      expect(await askHttp(host, 80)).toBe(`laptop ${laptopPort} /x`);
      let killed = 0;
      await eventually('the app answers', async () => {
        // The kubelet starts it again at once, and the second time takes its time.
        for (const pid of await podProcesses([pod.metadata.uid ?? ''], '/app/agent.js')) {
          process.kill(pid, 'SIGKILL');
          killed += 1;
        }
        // By the pod's own address: Services do not lead to a pod whose agent is not ready.
        expect(await askHttp(pod.status.podIP ?? '', 8_080, '/x', 1_000)).toContain(pod.metadata.name);
      });
      expect(killed).toBeGreaterThan(0);
      await eventually(
        'the laptop answers again',
        async () => expect(await askHttp(host, 80, '/x', 1_000)).toBe(`laptop ${laptopPort} /x`),
        { timeoutMs: 60_000 },
      );
      await bed.product.must(['leave', reach]);
      expect(await askHttp(host, 80)).toContain(pod.metadata.name);
    },
    120_000,
  );
});

/** Keeps its connection, and asks again where that turns out to be gone: as HTTP clients do. */
class Caller {
  /** How often a connection that it kept was gone. */
  resets = 0;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #host: string;

  constructor(host: string) {
    this.#host = host;
  }

  async ask(): Promise<string> {
    const request = http.get({ host: this.#host, port: 80, path: '/x', agent: this.#agent, timeout: 5_000 });
    try {
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        request.once('response', resolve).once('error', reject);
        request.once('timeout', () => request.destroy(new Error('There was no answer')));
      });
      return await text(response);
    } catch (error) {
      if (!request.reusedSocket || (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      this.resets += 1;
      return await this.ask();
    }
  }

  stop(): void {
    this.#agent.destroy();
  }
}
