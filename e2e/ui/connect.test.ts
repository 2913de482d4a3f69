import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ConnectRequest } from '#protocol/local-api/model.ts';
import { missing } from './testing/browser.ts';
import { offWorld, onWorld, probeOf, workloadHandlers } from './testing/fake-world.ts';
import { createUiBed } from './testing/ui-bed.ts';
import { connectionOf, recentOf, shopDetails, shopWorkloads } from './testing/world.ts';

describe.skipIf(missing !== undefined)(`connection page${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();

  it('connects step by step, and ends in the workloads', async () => {
    const requests: ConnectRequest[] = [];
    const goOn = Promise.withResolvers<void>();
    const { page, state } = await bed.open(
      offWorld(
        {},
        {
          ...workloadHandlers(shopWorkloads, shopDetails),
          connect: async (request, { emit }) => {
            requests.push(request);
            for (const stage of ['kubeconfig', 'api', 'manager']) emit({ stage });
            await goOn.promise;
            state.put('connections', 'staging-shop', connectionOf());
            return { connection: connectionOf(), alreadyConnected: false, warnings: [] };
          },
        },
      ),
    );
    await page.getByText('Reachable, 24 ms').waitFor();
    await page.getByText('traffic-manager 0.1.0').waitFor();
    await page
      .getByRole('combobox', { name: 'Namespace' })
      .or(page.getByRole('textbox', { name: 'Namespace' }))
      .first()
      .fill('shop-test');
    await page.keyboard.press('Escape');
    await page.getByText('telepresence connect --context staging --namespace shop-test').waitFor();
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    const steps = page.getByRole('list', { name: 'Steps of the connection' });
    await steps
      .getByRole('listitem')
      .filter({ hasText: 'Find the traffic-manager' })
      .and(page.locator('[aria-current="step"]'))
      .waitFor();
    await steps.getByRole('img', { name: 'Done' }).nth(1).waitFor();
    goOn.resolve();
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    expect(requests).toEqual([{ kubeFlags: { context: 'staging' }, namespace: 'shop-test' }]);
  });

  it('shows the step that failed, its cause and what to do, and tries again', async () => {
    let attempts = 0;
    const { page } = await bed.open(
      offWorld(
        {},
        {
          connect: async (_request, { emit }) => {
            attempts += 1;
            emit({ stage: 'kubeconfig' });
            emit({ stage: 'api' });
            throw new AppError({
              code: 'cluster.unreachable',
              message: 'The API server does not answer',
              reason: 'connect ETIMEDOUT',
              remedies: [{ label: 'See what is wrong', command: 'telepresence doctor' }],
            });
          },
        },
      ),
    );
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('The connection failed: Reach the API server').waitFor();
    await alert.getByText('The API server does not answer. connect ETIMEDOUT').waitFor();
    await alert.getByRole('button', { name: 'See what is wrong' }).waitFor();
    await page.getByRole('img', { name: 'Failed' }).waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => attempts).toBe(2);
    await page.getByRole('button', { name: 'Choose another cluster' }).click();
    await page.getByRole('radiogroup', { name: 'Contexts' }).waitFor();
  });

  it('cancels a connect', async () => {
    let wasCancelled = false;
    const { page } = await bed.open(
      offWorld(
        {},
        {
          connect: async (_request, { emit, signal }) => {
            emit({ stage: 'api' });
            await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
            wasCancelled = true;
            throw new AppError({ code: 'cancelled', message: 'The connect was cancelled' });
          },
        },
      ),
    );
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('radiogroup', { name: 'Contexts' }).waitFor();
    expect(wasCancelled).toBe(true);
  });

  it('asks only the chosen cluster by itself, and the others when told to', async () => {
    const asked: (string | undefined)[] = [];
    const { page } = await bed.open(
      offWorld(
        {},
        {
          probeContext: async ({ kubeFlags }) => {
            asked.push(kubeFlags.context);
            return probeOf();
          },
        },
      ),
    );
    await page.getByText('Reachable, 24 ms').waitFor();
    expect(asked).toEqual(['staging']);
    await page.getByRole('radio', { name: 'production' }).check();
    await expect.poll(() => asked).toEqual(['staging', 'production']);
    await page.getByRole('button', { name: 'Check all' }).click();
    await expect.poll(() => asked.filter((name) => name === 'k3d-local').length).toBe(1);
  });

  it('installs the traffic-manager where there is none, or says who may', async () => {
    let isInstalled = false;
    const { page } = await bed.open(
      offWorld(
        {},
        {
          probeContext: async ({ kubeFlags }) =>
            probeOf({
              manager: isInstalled ? { kind: 'ready', namespace: 'ambassador', version: '0.1.0' } : { kind: 'none' },
              mayInstall: kubeFlags.context === 'staging',
            }),
          install: async ({ kubeFlags, action }) => {
            expect({ kubeFlags, action }).toEqual({ kubeFlags: { context: 'staging' }, action: 'install' });
            isInstalled = true;
            return { version: '0.1.0', revision: 1, namespace: 'ambassador', manifest: '' };
          },
        },
      ),
    );
    await page.getByRole('radio', { name: 'production' }).check();
    await page.getByText('Ask an administrator of the cluster to run this').waitFor();
    await page.getByRole('button', { name: 'Copy the command telepresence helm install --context production' }).waitFor();
    await page.getByRole('radio', { name: 'staging' }).check();
    await page.getByRole('button', { name: 'Copy the command telepresence helm install --context staging' }).waitFor();
    await page.getByRole('button', { name: 'Install the traffic-manager' }).click();
    await page.getByText('traffic-manager 0.1.0 is installed').waitFor();
    await expect.poll(() => page.getByText('This cluster has no traffic-manager yet').count()).toBe(0);
  });

  it('has the command lines of its buttons while connected', async () => {
    const { page } = await bed.open(onWorld());
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Connection' }).click();
    const commands = ['telepresence pause --for 15m', 'telepresence pause --for 1h', 'telepresence quit'];
    for (const command of commands) {
      await page.getByRole('region', { name: 'Connection', exact: true }).getByRole('button', { name: 'Command lines' }).click();
      await page.getByRole('menuitem', { name: `Copy the command ${command}` }).click();
      await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe(command);
    }
  });

  it('takes the advanced choices, and refuses what is no subnet at its field', async () => {
    const requests: ConnectRequest[] = [];
    const { page } = await bed.open(
      offWorld(
        {},
        {
          connect: async (request) => {
            requests.push(request);
            throw new AppError({ code: 'cluster.unreachable', message: 'The API server does not answer' });
          },
        },
      ),
    );
    await page.getByText('Rootless').click();
    await page.getByRole('button', { name: 'Advanced' }).click();
    const never = page
      .getByRole('combobox', { name: 'Never proxy' })
      .or(page.getByRole('textbox', { name: 'Never proxy' }))
      .first();
    await never.fill('not-a-subnet');
    await never.press('Enter');
    await page.getByText('not-a-subnet is not a subnet, such as 10.0.0.0/16').waitFor();
    expect(await page.getByRole('button', { name: 'Connect', exact: true }).isDisabled()).toBe(true);
    await never.press('Backspace');
    await never.fill('10.9.0.0/16');
    await never.press('Enter');
    await page.getByText('telepresence connect --context staging --rootless --never-proxy 10.9.0.0/16').waitFor();
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await expect
      .poll(() => requests)
      .toEqual([{ kubeFlags: { context: 'staging' }, mode: 'rootless', neverProxy: ['10.9.0.0/16'] }]);
  });

  it('connects to a recent one by a click, with pinned ones first, and pins and forgets', async () => {
    const changes: unknown[] = [];
    const requests: ConnectRequest[] = [];
    const pinned = recentOf({
      context: 'k3d-local',
      namespace: 'dev',
      pinned: true,
      lastUsed: '2026-01-01T00:00:00.000Z',
      request: { kubeFlags: { context: 'k3d-local' }, namespace: 'dev', alsoProxy: ['10.7.0.0/16'] },
    });
    const { page } = await bed.open(
      offWorld(
        { recents: { a: recentOf(), b: pinned } },
        {
          changeRecent: async (input) => {
            changes.push(input);
            return {};
          },
          connect: async (request) => {
            requests.push(request);
            throw new AppError({ code: 'cluster.unreachable', message: 'The API server does not answer' });
          },
        },
      ),
    );
    const first = page.getByRole('region', { name: 'Recent' }).getByRole('listitem').first();
    await first.getByText('k3d-local').waitFor();
    await first
      .getByRole('button', {
        name: 'Copy the command telepresence connect --context k3d-local --namespace dev --also-proxy 10.7.0.0/16',
      })
      .waitFor();
    await page.getByRole('button', { name: 'Pin staging · shop', exact: true }).click();
    await page.getByRole('button', { name: 'Forget k3d-local · dev' }).click();
    await expect
      .poll(() => changes)
      .toEqual([
        { id: 'a', action: 'pin' },
        { id: 'b', action: 'forget' },
      ]);
    await page.getByRole('button', { name: 'Connect to k3d-local · dev' }).click();
    await expect.poll(() => requests).toEqual([pinned.request]);
  });

  it('follows a connect that another client has asked for', async () => {
    const { page, state } = await bed.open(offWorld());
    await page.getByRole('radiogroup', { name: 'Contexts' }).waitFor();
    state.put(
      'connections',
      'staging-shop',
      connectionOf({ state: { kind: 'connecting', stage: 'dns' }, stageTimesMs: { api: 61 } }),
    );
    await page.getByRole('heading', { name: 'Connecting to staging · shop' }).waitFor();
    state.put('connections', 'staging-shop', connectionOf());
    await page.getByRole('heading', { name: 'Workloads' }).waitFor();
    await page.getByRole('button', { name: 'Connection', exact: true }).click();
    await page.getByRole('heading', { name: 'Network' }).waitFor();
    await page.getByText('10.42.0.0/16').first().waitFor();
  });
});
