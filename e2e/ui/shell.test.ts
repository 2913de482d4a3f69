import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { missing } from './testing/browser.ts';
import { openBridge } from './testing/fake-bridge.ts';
import { fakeLogs, linesOf } from './testing/fake-logs.ts';
import { terminalOf } from './testing/fake-terminals.ts';
import { offWorld, onWorld, withTerminals } from './testing/fake-world.ts';
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

  it('loads the code of a page anew where it did not come, when asked to and when the page is opened again', async () => {
    const expectedErrors = /diagnose-page|Failed to load resource/;
    const { page } = await bed.open(onWorld(), { expectedErrors });
    const code = '**/chunks/diagnose-page-*';
    await page.route(code, (route) => route.abort());
    // From here on nothing has been loaded before the page wants it.
    await page.reload();
    const goTo = async (name: string) =>
      await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name, exact: true }).click();
    await goTo('Diagnose');
    const failed = page.getByRole('alert').getByText('This page has failed');
    await failed.waitFor();
    await page.getByRole('button', { name: 'Show it again' }).click();
    await failed.waitFor({ state: 'detached' });
    await failed.waitFor();
    await page.unroute(code);
    await goTo('Workloads');
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    await goTo('Diagnose');
    await page.getByRole('heading', { name: 'Diagnose', exact: true }).waitFor();
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
    await page.getByRole('menuitem', { name: 'Resume', exact: true }).click();
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

  it('has the command line of what the menu of the status bar does, and names the connection where there are two', async () => {
    const { page, state } = await bed.open(onWorld());
    const menu = page.getByRole('button', { name: /^Connection menu/ });
    await menu.click();
    await page.getByRole('menuitem', { name: 'Copy the command telepresence pause --for 15m' }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('telepresence pause --for 15m');
    await page.getByText('Copied: telepresence pause --for 15m').waitFor();
    await menu.click();
    await page.getByRole('menuitem', { name: 'Copy the command telepresence quit' }).waitFor();
    state.put('connections', 'staging-shop', connectionOf({ state: { kind: 'paused', since: new Date().toISOString() } }));
    await page.getByRole('menuitem', { name: 'Copy the command telepresence resume' }).waitFor();
    state.put('connections', 'other', connectionOf({ name: 'other', namespace: 'other' }));
    await page.getByRole('menuitem', { name: 'other', exact: true }).click();
    await menu.click();
    await page.getByRole('menuitem', { name: "Copy the command telepresence --use '^other$' quit" }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe("telepresence --use '^other$' quit");
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

  const openPalette = async (page: Page, typed: string) => {
    await page.keyboard.press('Control+k');
    const field = page.getByRole('textbox', { name: 'Search pages, workloads and actions' });
    await field.fill(typed);
    return {
      /** What is offered, by its first line. */
      entries: async () => await page.locator('.mantine-Spotlight-actionLabel').allTextContents(),
      choose: async (label: string) => {
        await page.locator('.mantine-Spotlight-action', { has: page.getByText(label, { exact: true }) }).click();
        await field.waitFor({ state: 'detached' });
      },
    };
  };

  it('goes to every page of the rail by the palette', async () => {
    const { page } = await bed.open(withTerminals(onWorld()));
    const rail = page.getByRole('navigation', { name: 'Pages' }).getByRole('button');
    await rail.filter({ hasText: 'Terminal' }).waitFor();
    const names = (await rail.allTextContents()).filter((name) => name !== '');
    expect(names).toEqual(['Connection', 'Workloads', 'Engagements', 'Terminal', 'Logs', 'Diagnose', 'Settings']);
    for (const name of names) {
      await (await openPalette(page, `go to ${name}`)).choose(`Go to ${name}`);
      await page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();
    }
  });

  it('offers each action in the palette, with its command line where there is one', async () => {
    const world = withTerminals(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    const { page, state } = await bed.open(world);
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    const palette = await openPalette(page, '');
    const always = [
      'New terminal',
      'Export logs…',
      'Run all checks',
      'Collapse the side bar',
      'Theme of the system',
      'Light theme',
      'Dark theme',
      'High contrast',
      'Show the first steps',
    ];
    const ofCart = ['Leave cart', 'Copy curl of cart', 'Logs of cart', 'New terminal with the environment of cart'];
    expect((await palette.entries()).filter((label) => !label.startsWith('Go to '))).toEqual([
      'cart',
      'Pause for 15 minutes',
      'Pause for 1 hour',
      'Disconnect',
      ...ofCart,
      ...always,
    ]);
    const lines = ['pause --for 15m', 'pause --for 1h', 'quit', 'leave cart', 'shell', 'doctor'];
    for (const line of lines) await page.getByText(`telepresence ${line}`, { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    state.remove('connections', 'staging-shop');
    state.remove('engagements', 'staging-shop/cart');
    await page.getByRole('button', { name: 'Connection menu: Off' }).waitFor();
    await openPalette(page, '');
    expect((await palette.entries()).filter((label) => !label.startsWith('Go to '))).toEqual(['Connect', ...always]);
  });

  it('does each action of the palette', async () => {
    const calls: unknown[] = [];
    const logs = fakeLogs(linesOf(0, 5));
    const terminal = terminalOf();
    const world = withTerminals(
      onWorld(
        { engagements: { 'staging-shop/cart': engagementOf() }, terminals: { t1: terminal } },
        {
          ...logs.handlers,
          openTerminal: async (input) => {
            calls.push(['openTerminal', input]);
            return { terminal };
          },
          attachTerminal: async (_input, { signal }) => {
            await untilAborted(signal);
            return {};
          },
          pause: async (input) => {
            calls.push(['pause', input]);
            return { connection: connectionOf() };
          },
          disconnect: async (input) => {
            calls.push(['disconnect', input]);
            return { disconnected: [] };
          },
          runDoctor: async (input) => {
            calls.push(['runDoctor', input]);
            return { checks: [] };
          },
        },
      ),
    );
    const { page, state } = await bed.open(world);
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    const choose = async (label: string) => await (await openPalette(page, label)).choose(label);
    const clipboard = () => page.evaluate('navigator.clipboard.readText()');
    const theme = () => state.value.preferences['preferences']?.theme;
    await choose('Copy curl of cart');
    await expect.poll(clipboard).toBe('curl http://cart.shop:80/');
    await choose('Pause for 1 hour');
    await choose('Disconnect');
    await expect
      .poll(() => calls.splice(0))
      .toEqual([
        ['pause', { use: '^staging-shop$', minutes: 60 }],
        ['disconnect', { use: '^staging-shop$' }],
      ]);
    await choose('Leave cart');
    await page.getByText('Leaving cart').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await choose('New terminal');
    await page.getByRole('heading', { name: 'Terminal', level: 1 }).waitFor();
    expect(calls.splice(0)).toMatchObject([['openTerminal', { use: '^staging-shop$' }]]);
    // The keys belong to the terminal until one leaves it.
    await page.locator('.xterm').waitFor();
    await page.keyboard.press('Control+F6');
    await choose('Run all checks');
    await page.getByRole('heading', { name: 'Diagnose' }).waitFor();
    await expect.poll(() => calls.splice(0)).toMatchObject([['runDoctor', { use: '^staging-shop$', only: [] }]]);
    await choose('Export logs…');
    await page.getByRole('dialog', { name: 'Export logs' }).waitFor();
    await page.keyboard.press('Escape');
    await choose('Collapse the side bar');
    await page.getByRole('button', { name: 'Expand the side bar' }).waitFor();
    await choose('Expand the side bar');
    await page.getByRole('button', { name: 'Collapse the side bar' }).waitFor();
    await page.getByRole('button', { name: 'Show in the panel' }).click();
    const panel = page.getByRole('region', { name: 'Panel' });
    await panel.waitFor();
    await choose('Close the panel');
    await panel.waitFor({ state: 'hidden' });
    await choose('Open the panel');
    await panel.waitFor();
    await choose('Dark theme');
    await expect.poll(theme).toBe('dark');
    await openPalette(page, 'quit');
    expect(await page.getByText('Quit…').count()).toBe(0);
    await page.keyboard.press('Escape');
    await openBridge(page);
    await page.evaluate('window.fakeMain.onmessage = ({ data }) => { window.asked = data; }');
    await choose('Quit…');
    await expect.poll(() => page.evaluate('window.asked')).toMatchObject({ call: 'quitApp', input: {} });
    await choose('Show the first steps');
    await page.getByRole('dialog').waitFor();
    expect(state.value.preferences['preferences']?.isWelcomed).toBe(false);
  });

  it('has several workloads in the palette, each with its logs, its addresses and a shell', async () => {
    const opened: unknown[] = [];
    const logs = fakeLogs(linesOf(0, 5), [{ kind: 'pod', namespace: 'shop', pod: 'catalog-1', container: 'catalog' }]);
    const world = withTerminals(
      onWorld(
        {},
        {
          ...logs.handlers,
          openTerminal: async (input) => {
            opened.push(input.title);
            throw new AppError({ code: 'not-found', message: 'The command kubectl cannot be started' });
          },
        },
      ),
    );
    const { page } = await bed.open(world);
    await page.getByRole('row', { name: 'catalog', exact: true }).getByText('2/2').waitFor();
    const palette = await openPalette(page, 'c');
    const labels = await palette.entries();
    for (const name of ['cart', 'catalog', 'checkout', 'search']) {
      expect(labels).toEqual(
        expect.arrayContaining([`Intercept ${name}…`, `Logs of ${name}`, `Shell in ${name}`, `Copy ${name}.shop:80`]),
      );
    }
    await page.keyboard.press('Escape');
    await (await openPalette(page, 'copy catalog')).choose('Copy catalog.shop:80');
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('catalog.shop:80');
    await (await openPalette(page, 'catalog logs')).choose('Logs of catalog');
    await page.getByRole('log', { name: 'Log: catalog-1 · catalog' }).waitFor();
    await (await openPalette(page, 'shell search')).choose('Shell in search');
    await page.getByText('The command kubectl cannot be started').waitFor();
    expect(opened).toEqual(['search']);
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
