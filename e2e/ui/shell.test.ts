import { describe, expect, it } from 'vitest';
import { missing } from './testing/browser.ts';
import { offWorld, onWorld } from './testing/fake-world.ts';
import { createUiBed } from './testing/ui-bed.ts';
import { conditionOf, connectionOf, engagementOf, taskOf } from './testing/world.ts';

describe.skipIf(missing !== undefined)(`window${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();

  it('opens on the connection when off, and on the workloads when on', async () => {
    const off = await bed.open(offWorld());
    await off.page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
    const on = await bed.open(onWorld());
    await on.page.getByRole('heading', { name: 'Workloads' }).waitFor();
  });

  it('takes the token out of the address, and still has it after a reload', async () => {
    const { page } = await bed.open(onWorld());
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    expect(page.url()).not.toContain('token');
    await page.reload();
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
  });

  it('tells the state of the connection in the status bar as it changes', async () => {
    const { page, state } = await bed.open(onWorld());
    const status = page.getByRole('contentinfo', { name: 'Status' });
    await status.getByRole('button', { name: 'Connection menu: On' }).waitFor();
    const reason = { code: 'connection.lost', message: 'The way to the cluster broke' } as const;
    state.put(
      'connections',
      'staging-shop',
      connectionOf({ state: { kind: 'reconnecting', since: new Date().toISOString(), attempt: 3, reason } }),
    );
    await status.getByRole('button', { name: 'Connection menu: Trouble: reconnecting, attempt 3' }).waitFor();
    state.put('connections', 'staging-shop', connectionOf({ state: { kind: 'paused', since: new Date().toISOString() } }));
    await status.getByRole('button', { name: 'Connection menu: Paused' }).waitFor();
    state.remove('connections', 'staging-shop');
    await status.getByRole('button', { name: 'Connection menu: Off' }).waitFor();
  });

  it('pauses, resumes and disconnects by the menu of the status bar', async () => {
    const calls: unknown[] = [];
    const { page, state } = await bed.open(
      onWorld(
        {},
        {
          pause: async (input) => {
            calls.push(['pause', input]);
            return { connection: connectionOf() };
          },
          resume: async (input) => {
            calls.push(['resume', input]);
            return { connection: connectionOf() };
          },
          disconnect: async (input) => {
            calls.push(['disconnect', input]);
            return { disconnected: ['staging-shop'] };
          },
        },
      ),
    );
    const menu = page.getByRole('button', { name: /^Connection menu/ });
    await menu.click();
    await page.getByRole('menuitem', { name: 'Pause for 15 minutes' }).click();
    await expect.poll(() => calls.length).toBe(1);
    state.put('connections', 'staging-shop', connectionOf({ state: { kind: 'paused', since: new Date().toISOString() } }));
    await page.getByRole('button', { name: 'Connection menu: Paused' }).click();
    await page.getByRole('menuitem', { name: 'Resume' }).click();
    await expect.poll(() => calls.length).toBe(2);
    await menu.click();
    await page.getByRole('menuitem', { name: 'Disconnect' }).click();
    await expect
      .poll(() => calls)
      .toEqual([
        ['pause', { use: '^staging-shop$', minutes: 15 }],
        ['resume', { use: '^staging-shop$' }],
        ['disconnect', { use: '^staging-shop$' }],
      ]);
  });

  it('shows problems worst first, each with its remedy, and causes only', async () => {
    const { page, state } = await bed.open(
      onWorld({
        health: {
          a: conditionOf(),
          b: conditionOf({ code: 'helper.not-running', severity: 'error', title: 'The helper has ended', remedies: [] }),
          c: conditionOf({ code: 'dns.verify-failed', title: 'Cluster names do not resolve', dependsOn: ['helper.not-running'] }),
        },
      }),
    );
    const banner = page.getByRole('region', { name: 'Problems' });
    await banner.getByText('The helper has ended').waitFor();
    expect(await banner.getByText('A subnet of the cluster is not reached').count()).toBe(0);
    await banner.getByRole('button', { name: 'Show 1 more' }).click();
    await banner.getByRole('button', { name: 'Copy the command telepresence connect --vnat 10.42.0.0/16' }).waitFor();
    expect(await banner.getByText('Cluster names do not resolve').count()).toBe(0);
    await page.getByText('2 problems').waitFor();
    for (const id of ['a', 'b', 'c']) state.remove('health', id);
    await page.getByText('Healthy').waitFor();
  });

  it('lists tasks with their step, and cancels one', async () => {
    const cancelled: string[] = [];
    const { page, state } = await bed.open(
      onWorld(
        { tasks: { 'task-1': taskOf() } },
        {
          cancelTask: async ({ id }) => {
            cancelled.push(id);
            return {};
          },
        },
      ),
    );
    await page.getByRole('button', { name: 'Tasks: 1 running' }).click();
    const list = page.getByRole('dialog', { name: 'Tasks' });
    await list.getByText('Waiting for the agent').waitFor();
    await list.getByRole('button', { name: 'Cancel: Intercept cart' }).click();
    await expect.poll(() => cancelled).toEqual(['task-1']);
    const error = { code: 'timeout', message: 'The agent did not come in time' } as const;
    state.put('tasks', 'task-1', taskOf({ state: 'failed', endedAt: new Date().toISOString(), error }));
    await list.getByText('The agent did not come in time').waitFor();
  });

  it('has every page, action and workload in the palette, by keyboard', async () => {
    const { page } = await bed.open(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('textbox', { name: 'Search pages, workloads and actions' }).waitFor();
    await page.keyboard.type('frontend');
    await page
      .getByRole('option', { name: /Intercept frontend/ })
      .or(page.getByText('Intercept frontend…'))
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'What is intercepted?' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('go engagements');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Engagements' }).waitFor();
  });

  it('opens the pages of the rail by Ctrl and a digit', async () => {
    const { page } = await bed.open(onWorld());
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    await page.keyboard.press('Control+3');
    await page.getByRole('heading', { name: 'Engagements' }).waitFor();
    await page.keyboard.press('Control+1');
    await page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
  });

  it('says when the daemon is gone, keeps what is known, and goes on when it is back', async () => {
    const { page, host, state } = await bed.open(onWorld(), { expectedErrors: /WebSocket/ });
    await page.getByRole('row', { name: 'frontend' }).waitFor();
    host.setListening(false);
    await page.getByRole('region', { name: 'Problems' }).getByRole('alert').waitFor();
    await page.getByText('Trouble: The daemon does not answer').waitFor();
    await page.getByRole('row', { name: 'frontend' }).waitFor();
    state.put('connections', 'staging-shop', connectionOf({ namespace: 'shop-test' }));
    host.setListening(true);
    await page.getByText('shop-test').first().waitFor();
    await expect.poll(() => page.getByRole('region', { name: 'Problems' }).count()).toBe(0);
    await page.getByRole('row', { name: 'frontend' }).waitFor();
  });

  it('collapses the rail, and keeps that', async () => {
    const { page } = await bed.open(onWorld());
    await page.getByRole('button', { name: 'Collapse the side bar' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Expand the side bar' }).waitFor();
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Engagements' }).waitFor();
  });
});
