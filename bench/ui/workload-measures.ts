import { setTimeout as sleep } from 'node:timers/promises';
import { changingWorld, manyWorkloads, offWorld, onWorld, workloadHandlers } from '../../e2e/ui/testing/fake-world.ts';
import { connectionOf, detailsOf } from '../../e2e/ui/testing/world.ts';
import { quantile } from '../programs/statistics.ts';
import { keyTimes, timeDrawn, watchKeys } from './page-probes.ts';
import { goToPage, pageMemory, type UiMeasure, withFakeWindow } from './ui-bench.ts';

const { workloads, details } = manyWorkloads(detailsOf('service'));
const firstRow = '[role=grid] [data-row]';
const typed = 'team-31 service-07';

/** Fifty namespaces of forty workloads each. */
export const workloadMeasures: readonly UiMeasure[] = [
  {
    name: 'first-table',
    async run(bench) {
      const samples: number[] = [];
      for (let round = 0; round < (bench.isQuick ? 3 : 7); round += 1) {
        await withFakeWindow(bench, offWorld({}, workloadHandlers(workloads, details)), async ({ page, state }) => {
          await page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
          const drawn = timeDrawn(page, firstRow);
          await goToPage(page, 'Workloads');
          const start = Date.now();
          state.put('connections', 'staging-shop', connectionOf());
          samples.push((await drawn) - start);
        });
      }
      bench.show({
        title: 'first table of 2,000 workloads after connect',
        unit: 'ms',
        samples: { ours: samples },
        bar: { reach: 'at-most', bar: 1_000 },
      });
    },
  },
  {
    name: 'filter',
    async run(bench) {
      await withFakeWindow(bench, onWorld({}, workloadHandlers(workloads, details)), async ({ page }) => {
        await page.locator(firstRow).first().waitFor();
        await watchKeys(page);
        const search = page.getByRole('searchbox', { name: 'Filter workloads' });
        await search.focus();
        const rounds = bench.isQuick ? 1 : 3;
        for (let round = 0; round < rounds; round += 1) {
          await page.keyboard.type(typed, { delay: 150 });
          for (const _key of typed) await page.keyboard.press('Backspace', { delay: 100 });
        }
        const keys = await keyTimes(page);
        const bar = { reach: 'at-most', bar: 50 } as const;
        const drawn = keys.map((key) => key.drawn);
        const settled = keys.map((key) => key.settled);
        const worst = (values: readonly number[]) =>
          `95th percentile ${Math.round(quantile(values, 0.95))} ms of ${values.length} keys`;
        bench.show({
          title: 'a key in the filter, to its letter',
          unit: 'ms',
          samples: { ours: drawn },
          bar,
          note: worst(drawn),
        });
        bench.show({
          title: 'a key in the filter, to its table',
          unit: 'ms',
          samples: { ours: settled },
          bar,
          note: worst(settled),
        });
        const { own, resident } = await pageMemory(bench.browser, page);
        bench.show({
          title: 'memory of the page with 2,000 workloads',
          unit: 'MiB',
          samples: { ours: [resident] },
          bar: { reach: 'at-most', bar: 250 },
          note: `${Math.round(own)} MiB of it its own; the rest is the browser’s program`,
        });
      });
    },
  },
  {
    name: 'changes',
    async run(bench) {
      const { world, emit } = changingWorld(workloads, details);
      await withFakeWindow(bench, world, async ({ page }) => {
        await page.locator(firstRow).first().waitFor();
        await watchKeys(page);
        await page.getByRole('searchbox', { name: 'Filter workloads' }).focus();
        const seconds = bench.isQuick ? 3 : 10;
        const sent = sendChanges(seconds, (index) => {
          const workload = workloads[(index * 37) % workloads.length];
          if (workload !== undefined)
            emit({ kind: 'changed', workload: { ...workload, agent: index % 2 === 0 ? 'none' : 'installed' } });
        });
        let isSending = true;
        void sent.then(() => (isSending = false));
        while (isSending) {
          await page.keyboard.type('service-1', { delay: 120 });
          for (let index = 0; index < 9; index += 1) await page.keyboard.press('Backspace', { delay: 60 });
        }
        const drawn = (await keyTimes(page)).map((key) => key.drawn);
        bench.show({
          title: `slowest key during ${await sent} changes/s for ${seconds} s`,
          unit: 'ms',
          samples: { ours: [Math.max(...drawn)] },
          bar: { reach: 'at-most', bar: 100 },
          note: `median ${Math.round(quantile(drawn, 0.5))} ms of ${drawn.length} keys`,
        });
        const { resident } = await pageMemory(bench.browser, page);
        bench.show({
          title: 'memory of the page after the changes',
          unit: 'MiB',
          samples: { ours: [resident] },
          bar: { reach: 'at-most', bar: 250 },
        });
      });
    },
  },
];

/** A thousand a second, in lots as the clock allows. Resolves to how many a second it were. */
async function sendChanges(seconds: number, send: (index: number) => void): Promise<number> {
  const start = performance.now();
  let count = 0;
  for (;;) {
    const elapsed = performance.now() - start;
    const due = Math.min(seconds * 1_000, Math.floor(elapsed));
    for (; count < due; count += 1) send(count);
    if (elapsed >= seconds * 1_000) return Math.round((count / elapsed) * 1_000);
    await sleep(5);
  }
}
