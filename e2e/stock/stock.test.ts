import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { runClient, tryConnect } from '../support/client-program.ts';
import { settings, titled } from '../support/settings.ts';
import { streamPorts } from '../workloads/world.ts';
import { missingForStock, stockImageFlags } from './stock-peer.ts';

const missing = missingForStock();
const stockCli = settings.stockCli ?? '';

/** Each side with the peer that teams run already. */
describe.skipIf(missing !== undefined)(titled('stock peers', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('stock', { isWithoutManager: true });
  });
  afterAll(async () => {
    await bed?.laptop.run([stockCli, 'quit', '-s'], { timeoutMs: 30_000 });
    await bed?.close();
  });

  async function removeManager(): Promise<void> {
    const found = await bed.cluster.find('Deployment', 'traffic-manager', settings.managerNamespace);
    if (found === undefined) return;
    const ours = await bed.product.run(['helm', 'uninstall', '--namespace', settings.managerNamespace], { timeoutMs: 120_000 });
    if (ours.code !== 0)
      await bed.laptop.must([stockCli, 'helm', 'uninstall', '--namespace', settings.managerNamespace], { timeoutMs: 120_000 });
  }

  async function reachesTheCluster(): Promise<void> {
    const { laptop, world } = bed;
    expect((await curl(laptop, `http://web.${world.namespace}`)).pod).toMatch(/^web-/);
    expect((await curl(laptop, `http://store-0.store.${world.namespace}:8080`)).pod).toBe('store-0');
    const host = `streams.${world.namespace}`;
    expect(await runClient(laptop, 'udp-echo', [host, streamPorts.echo, 5, 500])).toEqual({ sent: 5, equal: 5 });
    const size = 64 * 2 ** 20;
    for (const [direction, port] of [
      ['upload', streamPorts.sink],
      ['download', streamPorts.source],
    ] as const) {
      expect(await runClient(laptop, 'bulk', [direction, host, port, size]), direction).toMatchObject({ intact: 1 });
    }
  }

  it('works with a stock traffic-manager, and with more connections than its limit of streams', {
    timeout: 300_000,
  }, async () => {
    const { laptop, product, world } = bed;
    await removeManager();
    await laptop.must([stockCli, 'helm', 'install', '--namespace', settings.managerNamespace, ...(await stockImageFlags())], {
      timeoutMs: 120_000,
    });
    try {
      await product.connect();
      await reachesTheCluster();
      const host = `streams.${world.namespace}`;
      expect(await runClient(laptop, 'many-connections', [host, streamPorts.echo, 500, 1_000])).toEqual({
        opened: 500,
        answered: 500,
      });
      expect((await tryConnect(laptop, `web.${world.namespace}`, 81)).outcome).toBe('ECONNREFUSED');
      await product.quit();
    } finally {
      await laptop.run([stockCli, 'helm', 'uninstall', '--namespace', settings.managerNamespace], { timeoutMs: 120_000 });
    }
  });

  it('serves a stock client with our traffic-manager', { timeout: 300_000 }, async () => {
    const { laptop, product } = bed;
    await removeManager();
    await product.install();
    const before = await laptop.snapshot();
    await laptop.must([stockCli, 'connect', '--manager-namespace', settings.managerNamespace], { timeoutMs: 60_000 });
    try {
      await reachesTheCluster();
      const list = await laptop.must([stockCli, 'list', '--output', 'json']);
      expect(list).toContain('"web"');
    } finally {
      await laptop.must([stockCli, 'quit', '-s'], { timeoutMs: 60_000 });
    }
    expect((await laptop.snapshot())['IPv4 routes']).toEqual(before['IPv4 routes']);
  });
});
