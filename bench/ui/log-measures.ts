import { setTimeout as sleep } from 'node:timers/promises';
import { fakeLogs, linesOf } from '../../e2e/ui/testing/fake-logs.ts';
import { onWorld } from '../../e2e/ui/testing/fake-world.ts';
import { quantile } from '../programs/statistics.ts';
import { framesDuring } from './page-probes.ts';
import { goToPage, pageMemory, type UiMeasure, withFakeWindow } from './ui-bench.ts';

const linesPerSecond = 10_000;

export const logMeasures: readonly UiMeasure[] = [
  {
    name: 'logs',
    async run(bench) {
      const logs = fakeLogs([]);
      await withFakeWindow(bench, onWorld({}, logs.handlers), async ({ page }) => {
        await goToPage(page, 'Logs');
        await page.getByText('No lines yet').waitFor();
        // As full as it gets, so that what grows after that grows for good.
        logs.send({ lines: linesOf(0, 55_000), dropped: 0 });
        await page.getByRole('log').getByText('message 54999 ').waitFor();
        const before = await pageMemory(bench.browser, page);
        const seconds = bench.isQuick ? 3 : 10;
        let rate = 0;
        const frames = await framesDuring(page, async () => {
          rate = await sendLines(seconds, (first, count) => logs.send({ lines: linesOf(first, count), dropped: 0 }));
        });
        await page
          .getByRole('log')
          .getByText(`message ${55_000 + seconds * linesPerSecond - 1} `)
          .waitFor();
        const after = await pageMemory(bench.browser, page);
        bench.show({
          title: `longest frame during ${rate} log lines/s for ${seconds} s`,
          unit: 'ms',
          samples: { ours: [Math.max(...frames)] },
          bar: { reach: 'at-most', bar: 100 },
          note: `median ${Math.round(quantile(frames, 0.5))} ms of ${frames.length} frames`,
        });
        bench.show({
          title: 'memory that the page gained by them',
          unit: 'MiB',
          samples: { ours: [after.own - before.own] },
          bar: { reach: 'at-most', bar: 32 },
          note: `${Math.round(after.resident)} MiB are resident`,
        });
      });
    },
  },
];

/** Resolves to how many a second it were. */
async function sendLines(seconds: number, send: (first: number, count: number) => void): Promise<number> {
  const start = performance.now();
  const all = seconds * linesPerSecond;
  let count = 0;
  while (count < all) {
    const due = Math.min(all, Math.floor(((performance.now() - start) / 1_000) * linesPerSecond));
    if (due > count) send(55_000 + count, due - count);
    count = due;
    await sleep(10);
  }
  return Math.round((count / (performance.now() - start)) * 1_000);
}
