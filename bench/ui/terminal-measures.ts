import { setTimeout as sleep } from 'node:timers/promises';
import { mirrorState } from '#net/rpc/state-mirror.ts';
import type { SandboxDesk } from '../../e2e/support/sandbox-desk.ts';
import { quantile } from '../programs/statistics.ts';
import { framesDuring } from './page-probes.ts';
import { goToPage, pageMemory, processMemory, type UiMeasure, withPage } from './ui-bench.ts';

/** A flood in a terminal of the real daemon: what the page draws is what the daemon lets through. */
export function terminalMeasures(desk: () => Promise<SandboxDesk>): readonly UiMeasure[] {
  return [
    {
      name: 'terminal',
      async run(bench) {
        const { windowUrl, api: openApi } = await desk();
        await withPage(bench.browser, await windowUrl(), async (page) => {
          const api = await openApi();
          const daemonPid = await pidOf(api);
          try {
            await goToPage(page, 'Terminal');
            await page.getByRole('button', { name: 'New terminal' }).click();
            const rows = page.locator('.xterm-rows');
            await page.getByRole('textbox', { name: 'Terminal input' }).waitFor({ state: 'attached' });
            const type = async (text: string) => {
              await page.keyboard.type(text);
              await page.keyboard.press('Enter');
            };
            await type('echo re"ad"y');
            await rows.getByText('ready', { exact: true }).waitFor();
            const flood = 'yes "$(seq -s " " 1 20)"';
            const seconds = bench.isQuick ? 3 : 10;
            // Once before: what is kept to scroll back to is full then, and what grows after that grows for good.
            await type(flood);
            await sleep(seconds * 1_000);
            await page.keyboard.press('Control+c');
            await type('echo fill"ed"');
            await rows.getByText('filled', { exact: true }).waitFor();
            const [pageBefore, daemonBefore] = [await pageMemory(bench.browser, page), await processMemory(daemonPid)];
            const frames = await framesDuring(page, async () => {
              await type(flood);
              await sleep(seconds * 1_000);
            });
            const pressed = performance.now();
            await page.keyboard.press('Control+c');
            await type('echo stop"ped"');
            await rows.getByText('stopped', { exact: true }).waitFor();
            const stopped = performance.now() - pressed;
            const [pageAfter, daemonAfter] = [await pageMemory(bench.browser, page), await processMemory(daemonPid)];
            bench.show({
              title: `longest frame during ${seconds} s of yes in a terminal`,
              unit: 'ms',
              samples: { ours: [Math.max(...frames)] },
              bar: { reach: 'at-most', bar: 100 },
              note: `median ${Math.round(quantile(frames, 0.5))} ms of ${frames.length} frames`,
            });
            bench.show({
              title: 'Ctrl-C and the next command after yes',
              unit: 'ms',
              samples: { ours: [stopped] },
              bar: { reach: 'at-most', bar: 1_000 },
              note: 'with the typing of it',
            });
            for (const [title, before, after] of [
              ['memory that the page gained by yes', pageBefore, pageAfter],
              ['memory that the daemon gained by yes', daemonBefore, daemonAfter],
            ] as const) {
              bench.show({
                title,
                unit: 'MiB',
                samples: { ours: [after.own - before.own] },
                bar: { reach: 'at-most', bar: 32 },
                note: `${Math.round(after.resident)} MiB are resident`,
              });
            }
          } finally {
            api.close();
          }
        });
      },
    },
  ];
}

async function pidOf(api: Parameters<typeof mirrorState>[0]): Promise<number> {
  const first = new AbortController();
  return await new Promise<number>((resolve, reject) => {
    mirrorState(
      api,
      ({ daemon }) => {
        resolve(daemon.pid);
        first.abort();
      },
      first.signal,
    ).catch(reject);
  });
}
