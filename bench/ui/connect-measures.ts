import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '#net/rpc/client.ts';
import { mirrorState } from '#net/rpc/state-mirror.ts';
import type { TrayReport } from '../../e2e/electron/double/control.ts';
import { makeAppDirectory } from '../../e2e/electron/testing/app-directory.ts';
import { AppUnderTest, menuLabels } from '../../e2e/electron/testing/app-under-test.ts';
import type { SandboxDesk } from '../../e2e/support/sandbox-desk.ts';
import { checkout } from '../../e2e/support/settings.ts';
import { median } from '../programs/statistics.ts';
import { installProbes, timeDrawn } from './page-probes.ts';
import { type UiMeasure, withPage } from './ui-bench.ts';

const context = 'telepresence-sandbox';

/** The whole product with a sandbox for a cluster; the app on a double of Electron, whose window is a page of a real browser. */
export function connectMeasures(desk: () => Promise<SandboxDesk>): readonly UiMeasure[] {
  return [
    {
      name: 'connect',
      async run(bench) {
        const { env, kubeconfig, windowUrl, api: openApi } = await desk();
        const request = { kubeFlags: { context }, kubeconfigEnv: kubeconfig, mode: 'rootless' } as const;
        const url = await windowUrl();
        const secondUrl = await windowUrl();
        const api = await openApi();
        const directory = makeAppDirectory(join(checkout, 'dist/renderer'));
        const app = new AppUnderTest(directory, [], { ...env });
        const rounds = bench.isQuick ? 3 : 7;
        try {
          await untilOff(app);
          const appPage = await app.page();
          await installProbes(appPage);
          const direct: number[] = [];
          const clicked: number[] = [];
          const follow: Record<'app' | 'first' | 'second', number[]> = { app: [], first: [], second: [] };
          await withPage(bench.browser, url, async (first) => {
            await withPage(bench.browser, secondUrl, async (second) => {
              const pages = { app: appPage, first, second } as const;
              for (let round = 0; round < rounds; round += 1) {
                const told = firstTimeOn(api);
                const drawn = Object.entries(pages).map(
                  async ([who, page]) => [who, await timeDrawn(page, '.app-status-state', ': On')] as const,
                );
                const started = performance.now();
                await api.call('connect', request);
                direct.push(performance.now() - started);
                const at = await told;
                for (const [who, time] of await Promise.all(drawn))
                  follow[who as keyof typeof follow].push(Math.max(0, time - at));
                const label = await disconnect(api, app);
                const click = performance.now();
                const on = app.tray(({ image }) => image === 'on-dark.png');
                await app.request({ kind: 'click-menu', labels: [label] });
                await on;
                clicked.push(performance.now() - click);
                await disconnect(api, app);
              }
            });
          });
          bench.show({
            title: 'click on Connect in the tray until it shows on, over connect itself',
            unit: 'ms',
            samples: { ours: [median(clicked) - median(direct)] },
            bar: { reach: 'at-most', bar: 150, goal: 50 },
            note: `${Math.round(median(clicked))} ms and ${Math.round(median(direct))} ms, medians of ${rounds}`,
          });
          for (const [who, title] of [
            ['app', 'the app’s window shows what another client connected'],
            ['first', 'a browser shows what another client connected'],
            ['second', 'a second browser shows it'],
          ] as const) {
            bench.show({
              title,
              unit: 'ms',
              samples: { ours: follow[who] },
              bar: { reach: 'at-most', bar: 200 },
              note: `at most ${Math.round(Math.max(...follow[who]))} ms of ${rounds}`,
            });
          }
        } finally {
          await app.stop();
          directory.remove();
          api.close();
        }
      },
    },
  ];
}

/** The time of day at which a plain client of the daemon hears that the connection is on. */
function firstTimeOn(api: ApiClient): Promise<number> {
  const heard = new AbortController();
  return new Promise((resolve, reject) => {
    mirrorState(
      api,
      ({ connections }) => {
        if (!Object.values(connections).some(({ state }) => state.kind === 'on')) return;
        resolve(Date.now());
        heard.abort();
      },
      heard.signal,
    ).catch(reject);
  });
}

/** Resolves to the label of the way back. */
async function disconnect(api: ApiClient, app: AppUnderTest): Promise<string> {
  await api.call('disconnect', {});
  const label = await untilOff(app);
  // What the connection left behind is cleared away after the answer, and is no part of the next one.
  await sleep(500);
  return label;
}

async function untilOff(app: AppUnderTest): Promise<string> {
  const labelOf = (items: TrayReport['items']) => menuLabels(items).find((label) => label.startsWith(`Connect to ${context}`));
  const { items } = await app.tray((tray) => tray.image === 'off-dark.png' && labelOf(tray.items) !== undefined);
  return labelOf(items) ?? '';
}
