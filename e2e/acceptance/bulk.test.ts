import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { clientProgram, runClient } from '../support/client-program.ts';
import { freshManager } from '../support/fresh-manager.ts';
import { laptopMemoryMib, podMemoryMib } from '../support/memory.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { streamPorts } from '../workloads/world.ts';

const missing = missingForProduct();

const mebibyte = 2 ** 20;
/** Many times what all windows and buffers on the way hold. */
const transferMib = settings.isBrief ? 256 : 1_024;
const transferBytes = transferMib * mebibyte;

/**
 * What the parts may take more than before while nobody reads, all processes of the laptop together: eight windows of 2 MiB and what is in
 * front of them, with as much again that waits to be collected. Without back-pressure it would be gigabytes.
 */
const laptopGrowthMib = 120;
const managerPeakMib = 160;

interface BulkResult {
  readonly intact: number;
  readonly bytes: readonly number[];
  readonly seconds: number;
}

describe.skipIf(missing !== undefined)(titled('bulk', missing), () => {
  let bed: Bed;
  let host: string;
  beforeAll(async () => {
    bed = await createBed('bulk');
    host = `streams.${bed.world.namespace}`;
    await freshManager(bed.cluster);
    await bed.product.connect();
  });
  afterAll(async () => await bed?.close());

  it(`uploads ${transferMib} MiB unchanged`, { timeout: 180_000 }, async () => {
    const result = await runClient<BulkResult>(bed.laptop, 'bulk', ['upload', host, streamPorts.sink, transferBytes], {
      timeoutMs: 170_000,
    });
    expect(result).toMatchObject({ intact: 1, bytes: [transferBytes] });
  });

  it(`downloads ${transferMib} MiB unchanged`, { timeout: 180_000 }, async () => {
    const result = await runClient<BulkResult>(bed.laptop, 'bulk', ['download', host, streamPorts.source, transferBytes], {
      timeoutMs: 170_000,
    });
    expect(result).toMatchObject({ intact: 1, bytes: [transferBytes] });
  });

  it('moves eight streams at a time, both ways at once', { timeout: 180_000 }, async () => {
    const size = transferBytes / 16;
    const [up, down] = await Promise.all([
      runClient<BulkResult>(bed.laptop, 'bulk', ['upload', host, streamPorts.sink, size, 8], { timeoutMs: 170_000 }),
      runClient<BulkResult>(bed.laptop, 'bulk', ['download', host, streamPorts.source, size, 8], { timeoutMs: 170_000 }),
    ]);
    expect(up.intact).toBe(8);
    expect(down.intact).toBe(8);
  });

  it('keeps memory flat on both ends while nobody reads what eight fast senders send', { timeout: 180_000 }, async () => {
    const seconds = settings.isFull ? 90 : settings.isBrief ? 10 : 30;
    const idleMib = await laptopMemoryMib(bed.laptop);
    const argv = clientProgram('slow-reader', host, streamPorts.source, streamPorts.stuck, 4_096 * mebibyte, seconds);
    const reader = bed.laptop.spawn(argv);
    let output = '';
    reader.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const ended = once(reader, 'exit');
    let laptopMib = 0;
    let managerMib = 0;
    const end = performance.now() + seconds * 1_000;
    while (performance.now() < end) {
      laptopMib = Math.max(laptopMib, await laptopMemoryMib(bed.laptop));
      const pods = await podMemoryMib(bed.cluster, settings.managerNamespace);
      managerMib = Math.max(
        managerMib,
        ...[...pods].filter(([name]) => name.startsWith('traffic-manager')).map(([, mib]) => mib),
      );
      // Others still get through.
      await curl(bed.laptop, 'http://web');
      await sleep(1_000);
    }
    await ended;
    expect(output).toContain('"done"');
    console.log(`memory while nobody reads: laptop ${Math.round(laptopMib)} MiB, traffic-manager ${Math.round(managerMib)} MiB`);
    expect(laptopMib).toBeGreaterThan(0);
    expect(laptopMib).toBeLessThan(idleMib + laptopGrowthMib);
    expect(managerMib).toBeGreaterThan(0);
    expect(managerMib).toBeLessThan(managerPeakMib);
  });
});
