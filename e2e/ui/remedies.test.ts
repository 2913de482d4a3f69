import { describe, expect, it } from 'vitest';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { ConnectRequest } from '#protocol/local-api/model.ts';
import { missing } from './testing/browser.ts';
import { offWorld, onWorld } from './testing/fake-world.ts';
import { walkThemes } from './testing/theme-walk.ts';
import { createUiBed, type OpenWindow } from './testing/ui-bed.ts';
import { conditionOf, connectionOf, engagementOf, recentOf } from './testing/world.ts';

/** Three themes, each looked at by axe. */
const lookTimeoutMs = 180_000;

const vnat = { label: 'Reach it through virtual addresses', command: 'telepresence connect --vnat 10.42.0.0/16' };
const overlap = conditionOf({ remedies: [vnat] });

describe.skipIf(missing !== undefined)(
  `buttons of remedies${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();

    it('connects again as a remedy says, after it was asked, with all that the connection was made with', async () => {
      const calls: string[] = [];
      const requests: ConnectRequest[] = [];
      const window: { current?: Pick<OpenWindow, 'state'> } = {};
      const request: ConnectRequest = { kubeFlags: { context: 'staging' }, namespace: 'shop', alsoProxy: ['10.9.0.0/16'] };
      const opened = await bed.open(
        onWorld(
          {
            health: { overlap },
            engagements: { 'staging-shop/cart': engagementOf() },
            connections: { 'staging-shop': connectionOf({ context: 'staging', namespace: 'shop' }) },
            recents: { one: recentOf({ request }) },
          },
          {
            disconnect: async () => {
              calls.push('disconnect');
              window.current?.state.remove('connections', 'staging-shop');
              return { disconnected: ['staging-shop'] };
            },
            connect: async (input) => {
              calls.push('connect');
              requests.push(input);
              window.current?.state.put('connections', 'staging-shop', connectionOf());
              return { connection: connectionOf(), alreadyConnected: false, warnings: [] };
            },
          },
        ),
      );
      window.current = opened;
      const { page } = opened;
      const problems = page.getByRole('region', { name: 'Problems' });
      await problems.getByRole('button', { name: vnat.label }).click();
      const dialog = page.getByRole('dialog', { name: 'Connect again, in another way?' });
      await dialog.getByText('This leaves what is engaged: cart.').waitFor();
      await walkThemes(opened, 'remedy-reconnect');
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await dialog.waitFor({ state: 'hidden' });
      expect(calls).toEqual([]);
      await problems.getByRole('button', { name: vnat.label }).click();
      await dialog.getByRole('button', { name: 'Connect again' }).click();
      await page.getByRole('heading', { name: 'Workloads', exact: true }).waitFor();
      expect(calls).toEqual(['disconnect', 'connect']);
      expect(requests).toEqual([{ ...request, vnat: ['10.42.0.0/16'] }]);
    });

    it('fills in the fields where nothing is connected', async () => {
      const { page } = await bed.open(offWorld({ health: { overlap } }));
      await page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
      await page.getByRole('region', { name: 'Problems' }).getByRole('button', { name: vnat.label }).click();
      await page.getByText('10.42.0.0/16', { exact: true }).waitFor();
      await page.getByText('telepresence connect --context staging --vnat 10.42.0.0/16').waitFor();
    });

    it('upgrades the traffic-manager with the values of a remedy, in the namespace where it is', async () => {
      const upgrades: CallInput<'install'>[] = [];
      const label = 'Have the rights of every user installed';
      const command = 'telepresence helm upgrade --set clientRbac.create=true';
      const opened = await bed.open(
        onWorld(
          { health: { forbidden: conditionOf({ remedies: [{ label, command }] }) } },
          {
            install: async (input) => {
              upgrades.push(input);
              return { version: '0.2.0', revision: 2, namespace: 'ambassador', manifest: '' };
            },
          },
        ),
      );
      const { page } = opened;
      await page.getByRole('button', { name: label }).click();
      const dialog = page.getByRole('dialog', { name: 'Upgrade the traffic-manager?' });
      await dialog.getByText('Its values change: clientRbac.create=true.').waitFor();
      await walkThemes(opened, 'remedy-upgrade');
      expect(upgrades).toEqual([]);
      await dialog.getByRole('button', { name: 'Upgrade', exact: true }).click();
      await page.getByText('The traffic-manager is version 0.2.0').waitFor();
      expect(upgrades).toMatchObject([
        {
          action: 'upgrade',
          managerNamespace: connectionOf().managerNamespace,
          values: [{ kind: 'set', expression: 'clientRbac.create=true' }],
        },
      ]);
    });

    it('stops the daemon, and disconnects, only after it was asked', async () => {
      const calls: string[] = [];
      const stop = { label: 'Restart the daemon', command: 'telepresence quit -s' };
      const quit = { label: 'End it first', command: 'telepresence quit' };
      const { page } = await bed.open(
        onWorld(
          { health: { stale: conditionOf({ remedies: [stop, quit] }) } },
          {
            quit: async () => {
              calls.push('quit');
              return {};
            },
            disconnect: async ({ use }) => {
              calls.push(`disconnect ${use ?? ''}`);
              return { disconnected: ['staging-shop'] };
            },
          },
        ),
      );
      await page.getByRole('button', { name: stop.label }).click();
      await page.getByRole('dialog', { name: 'Stop the daemon?' }).getByRole('button', { name: 'Stop it' }).click();
      await expect.poll(() => calls).toEqual(['quit']);
      await page.getByRole('button', { name: quit.label }).click();
      await page.getByRole('dialog', { name: 'Disconnect?' }).getByRole('button', { name: 'Disconnect' }).click();
      await expect.poll(() => calls).toEqual(['quit', 'disconnect ^staging-shop$']);
    });
  },
);
