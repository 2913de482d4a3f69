import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Capability, DaemonState } from '#protocol/local-api/model.ts';
import { examplePreferences } from '#protocol/local-api/testing/example-state.ts';
import { missing } from './testing/browser.ts';
import { fakeConfig } from './testing/fake-settings.ts';
import { offWorld, probeOf, unreachableProbe, type World } from './testing/fake-world.ts';
import { walkThemes } from './testing/theme-walk.ts';
import { createUiBed, type OpenWindow } from './testing/ui-bed.ts';
import { connectionOf } from './testing/world.ts';

const lookTimeoutMs = 180_000;

/** As the daemon tells them: `e2e/demo/first-run.test.ts` has the real one. */
const sandboxStages = [
  'Starting the API server of the sandbox',
  'Starting the node of the sandbox',
  'Deploying the demo shop: web → cart → catalogue → stock',
  'Waiting for the pods of the demo shop',
  'Looking at the cluster',
  'Applying 18 objects',
  'Waiting for the traffic-manager',
];

describe.skipIf(missing !== undefined)(
  `welcome${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();

    function worldOf(handlers: World['handlers'] = {}, capabilities: readonly Capability[] = ['rootless', 'sandbox']): World {
      const world = offWorld(
        { preferences: { preferences: examplePreferences({ isWelcomed: false }) } },
        { ...fakeConfig().handlers, ...handlers },
      );
      const state: DaemonState = { ...world.state, daemon: { ...world.state.daemon, capabilities: [...capabilities] } };
      return { ...world, state };
    }
    const next = async ({ page }: Pick<OpenWindow, 'page'>, times = 1) => {
      for (let count = 0; count < times; count += 1) await page.getByRole('button', { name: 'Next' }).click();
    };

    it('comes once, and can be skipped by keyboard', async () => {
      const { page, state } = await bed.open(worldOf());
      await page.getByRole('dialog', { name: 'Welcome to Telepresence' }).waitFor();
      await page.getByRole('button', { name: 'Skip the welcome' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(state.value.preferences['preferences']?.isWelcomed).toBe(true);
      await page.reload();
      await page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
      expect(await page.getByRole('dialog').count()).toBe(0);
    });

    it('goes from what it does to the sandbox, by keyboard, and looks right', async () => {
      const calls: unknown[] = [];
      const window = await bed.open(
        worldOf({
          startSandbox: async (_input, { emit }) => {
            for (const stage of sandboxStages) emit({ stage });
            return { kubeconfig: '/run/sandbox/kubeconfig', context: 'telepresence-sandbox', namespace: 'shop' };
          },
          connect: async (input, { emit }) => {
            calls.push(input);
            emit({ stage: 'session', detail: 'Opening a session' });
            return {
              connection: connectionOf({ name: 'sandbox', context: 'telepresence-sandbox' }),
              alreadyConnected: false,
              warnings: [],
            };
          },
        }),
      );
      const { page, state } = window;
      await page.getByText('Your laptop, inside the cluster').waitFor();
      await walkThemes(window, 'welcome-1-what');
      await page.getByRole('button', { name: 'Next' }).focus();
      await page.keyboard.press('Enter');
      await page.getByText('/opt/telepresence/helper.js').waitFor();
      await page.getByRole('radio', { name: 'Without root' }).click();
      await expect.poll(() => state.value.preferences['preferences']?.defaultMode).toBe('rootless');
      await walkThemes(window, 'welcome-2-helper');
      await next(window);
      await page.getByText('Traffic-manager 0.1.0 is ready in namespace ambassador').waitFor();
      await walkThemes(window, 'welcome-3-cluster');
      await next(window);
      await page.getByRole('button', { name: 'Open the sandbox' }).click();
      await page.getByText('The sandbox is open and connected').waitFor();
      await walkThemes(window, 'welcome-4-try');
      expect(calls).toEqual([
        {
          kubeFlags: { kubeconfig: '/run/sandbox/kubeconfig', context: 'telepresence-sandbox' },
          namespace: 'shop',
          mode: 'rootless',
        },
      ]);
      await page.getByRole('button', { name: 'Show the workloads' }).click();
      await page.getByRole('heading', { name: 'Workloads' }).waitFor();
    });

    it('installs the traffic-manager where that is allowed', async () => {
      let isInstalled = false;
      const window = await bed.open(
        worldOf({
          probeContext: async () => probeOf(isInstalled ? {} : { manager: { kind: 'none' } }),
          install: async (_input, { emit }) => {
            emit({ stage: 'Applying the chart' });
            isInstalled = true;
            return { version: '0.1.0', revision: 1, namespace: 'ambassador', manifest: 'kind: Namespace' };
          },
        }),
      );
      await next(window, 2);
      await window.page.getByRole('dialog').getByText('This cluster has no traffic-manager yet').waitFor();
      await walkThemes(window, 'welcome-3-install');
      await window.page.getByRole('dialog').getByRole('button', { name: 'Install the traffic-manager' }).click();
      await window.page.getByText('Traffic-manager 0.1.0 is ready').waitFor();
    });

    it('hands what an administrator needs, without changing the cluster', async () => {
      const dryRuns: boolean[] = [];
      const window = await bed.open(
        worldOf({
          probeContext: async () => probeOf({ manager: { kind: 'none' }, mayInstall: false }),
          install: async ({ dryRun }) => {
            dryRuns.push(dryRun);
            return { version: '0.1.0', revision: 1, namespace: 'ambassador', manifest: 'kind: Namespace\n' };
          },
        }),
      );
      const { page } = window;
      await next(window, 2);
      await page.getByText('You may not install it yourself').waitFor();
      expect(await page.getByRole('dialog').getByRole('button', { name: 'Install the traffic-manager' }).count()).toBe(0);
      await page.getByRole('button', { name: 'Copy the manifest' }).click();
      await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('kind: Namespace\n');
      await page.getByRole('button', { name: 'Copy a message' }).click();
      await expect
        .poll(() => page.evaluate('navigator.clipboard.readText()'))
        .toContain('telepresence helm install --context staging');
      expect(dryRuns).toEqual([true, true]);
    });

    it('says why a cluster or the sandbox cannot be had', async () => {
      const window = await bed.open(
        worldOf({
          probeContext: async () => unreachableProbe({ code: 'cluster.unreachable', message: 'connect ETIMEDOUT' }),
          startSandbox: async () => {
            throw new AppError({ code: 'internal', message: 'There are no user namespaces here' });
          },
        }),
      );
      await next(window, 2);
      await window.page.getByRole('dialog').getByRole('alert').getByText('The API server does not answer').waitFor();
      await walkThemes(window, 'welcome-3-unreachable');
      await next(window);
      await window.page.getByRole('button', { name: 'Open the sandbox' }).click();
      await window.page.getByRole('alert').getByText('The sandbox could not be opened').waitFor();
      await walkThemes(window, 'welcome-4-failed');
    });

    it('offers no sandbox and no other mode where the daemon has none', async () => {
      const { page } = await bed.open(worldOf({}, []));
      await next({ page });
      await page.getByText('/opt/telepresence/helper.js').waitFor();
      expect(await page.getByRole('dialog').getByRole('radio').count()).toBe(0);
      await next({ page }, 2);
      await page.getByText('That is all').waitFor();
      expect(await page.getByRole('button', { name: 'Open the sandbox' }).count()).toBe(0);
      await page.getByRole('button', { name: 'Done' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    });
  },
);
