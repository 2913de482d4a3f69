import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { missing } from './testing/browser.ts';
import { openBridge } from './testing/fake-bridge.ts';
import { fakeLogs, linesOf } from './testing/fake-logs.ts';
import { terminalOf } from './testing/fake-terminals.ts';
import { onWorld, withTerminals } from './testing/fake-world.ts';
import { never } from './testing/screens/screen.ts';
import { goToPage, walkSystemThemes, walkThemes } from './testing/theme-walk.ts';
import { createUiBed } from './testing/ui-bed.ts';
import { connectionOf, engagementOf } from './testing/world.ts';

/** Three themes of a screen, each looked at by axe. */
const lookTimeoutMs = 180_000;

/** States of what is around the pages, and those that come and go. */
describe.skipIf(missing !== undefined)(
  `states${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();

    it('looks right with a collapsed rail', async () => {
      const window = await bed.open(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
      await window.page.getByRole('row', { name: 'frontend', exact: true }).waitFor();
      await window.page.getByRole('button', { name: 'Collapse the side bar' }).click();
      await window.page.getByRole('button', { name: 'Expand the side bar' }).waitFor();
      await walkThemes(window, 'rail-collapsed');
    });

    it('looks right with logs in the open panel, which is made higher by keyboard', async () => {
      const logs = fakeLogs(linesOf(0, 40));
      const window = await bed.open(onWorld({}, logs.handlers));
      const { page } = window;
      await goToPage(window, 'Logs');
      await page.getByRole('button', { name: 'Show in the panel' }).click();
      await page.getByRole('navigation', { name: 'Logs' }).getByRole('button', { name: 'traffic-manager' }).click();
      await page.getByRole('button', { name: 'Show in the panel' }).first().click();
      await goToPage(window, 'Workloads');
      const panel = page.getByRole('region', { name: 'Panel' });
      await panel.getByRole('log', { name: 'Log: traffic-manager' }).getByText('message 39 ').waitFor();
      const handle = panel.getByRole('separator', { name: 'Height of the panel' });
      const before = Number(await handle.getAttribute('aria-valuenow'));
      await handle.focus();
      await page.keyboard.press('ArrowUp');
      await expect.poll(async () => Number(await handle.getAttribute('aria-valuenow'))).toBeGreaterThan(before);
      await walkThemes(window, 'panel');
    });

    it('looks right with the connection menu open', async () => {
      const window = await bed.open(
        onWorld({ connections: { 'staging-shop': connectionOf(), other: connectionOf({ name: 'other', namespace: 'other' }) } }),
      );
      await window.page.getByRole('button', { name: /^Connection menu/ }).click();
      await window.page.getByRole('menuitem', { name: 'Disconnect' }).waitFor();
      await walkThemes(window, 'connection-menu');
    });

    it('looks right with a message to undo, one of what was done, and a failure', async () => {
      const world = onWorld(
        { engagements: { 'staging-shop/cart': engagementOf() } },
        {
          pause: async () => {
            throw new AppError({
              code: 'helper.not-running',
              message: 'The helper has ended',
              reason: 'It was killed',
              remedies: [{ label: 'See what is wrong', command: 'telepresence doctor' }],
            });
          },
        },
      );
      const window = await bed.open(world);
      const { page } = window;
      // Messages go by themselves after five seconds: here they stay, so that they can be looked at.
      await page.evaluate(`{
        const original = window.setTimeout;
        window.setTimeout = (act, ms, ...rest) => original(act, ms === 5000 ? 3_600_000 : ms, ...rest);
      }`);
      await page.getByRole('button', { name: /^Connection menu/ }).click();
      await page.getByRole('menuitem', { name: 'Copy the command telepresence quit' }).click();
      await page.getByRole('button', { name: /^Connection menu/ }).click();
      await page.getByRole('menuitem', { name: 'Pause for 15 minutes' }).click();
      await page.keyboard.press('Control+3');
      await page.getByRole('article', { name: 'cart' }).getByRole('button', { name: 'Leave' }).click();
      const messages = page.getByRole('region', { name: 'Messages' });
      await messages.getByText('Copied: telepresence quit').waitFor();
      await messages.getByRole('alert').getByText('The helper has ended').waitFor();
      await messages.getByRole('button', { name: 'Undo' }).waitFor();
      await walkThemes(window, 'messages');
    });

    it('looks right before the daemon has said anything', async () => {
      const window = await bed.open(
        onWorld(
          {},
          {
            watchState: async (_input, { signal }) => {
              await untilAborted(signal);
              return {};
            },
          },
        ),
      );
      await window.page.getByRole('status', { name: 'Waiting for the daemon' }).waitFor();
      await walkSystemThemes(window, 'waiting');
    });

    it('looks right when the daemon is lost, and when it was ended', async () => {
      const window = await bed.open(onWorld(), { expectedErrors: /WebSocket/ });
      const { page, host } = window;
      await page.getByRole('row', { name: 'frontend', exact: true }).waitFor();
      host.setListening(false);
      await page.getByRole('region', { name: 'Problems' }).getByRole('alert').waitFor();
      await walkSystemThemes(window, 'daemon-lost');
      const bridge = await openBridge(page);
      await bridge.push({ kind: 'daemon-ended' });
      await page.getByRole('region', { name: 'Problems' }).getByText('The daemon was ended').waitFor();
      await page.getByRole('button', { name: 'Start it again' }).waitFor();
      await walkSystemThemes(window, 'daemon-ended');
    });

    it('keeps a page that crashes from taking the window with it, and shows it again', async () => {
      const window = await bed.open(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }), {
        expectedErrors: /broken by the test/,
      });
      const { page } = window;
      await page.getByRole('row', { name: 'frontend', exact: true }).waitFor();
      // What the page of engagements, and nothing else, calls while it draws.
      await page.evaluate(`{
        const original = Array.prototype.toSorted;
        window.isBroken = true;
        Array.prototype.toSorted = function (...order) {
          if (window.isBroken && Array.isArray(this[0])) throw new Error('broken by the test');
          return original.apply(this, order);
        };
      }`);
      await page.keyboard.press('Control+3');
      const alert = page.getByRole('alert');
      await alert.getByText('This page has failed').waitFor();
      await alert.getByText('broken by the test').waitFor();
      await page.getByRole('contentinfo', { name: 'Status' }).getByText('Healthy').waitFor();
      await walkThemes(window, 'page-failed');
      await page.evaluate('window.isBroken = false');
      await page.getByRole('button', { name: 'Show it again' }).click();
      await page.getByRole('article', { name: 'cart' }).waitFor();
    });

    it('looks right while a terminal is on its way', async () => {
      const world = withTerminals(
        onWorld(
          { terminals: { t1: terminalOf({ connection: 'staging-shop' }) } },
          {
            attachTerminal: async (_input, { signal }) => {
              await untilAborted(signal);
              return {};
            },
          },
        ),
      );
      const window = await bed.open(world);
      await goToPage(window, 'Terminal');
      await window.page.locator('.terminal-screen[data-state="attaching"][aria-busy="true"]').waitFor();
      await walkThemes(window, 'terminal-attaching');
    });

    it('looks right while a folder is chosen, and goes up and down', async () => {
      const folders: Readonly<Record<string, readonly string[]>> = {
        '/home/dev': ['shop', 'tools'],
        '/home/dev/shop': ['cart', 'catalog'],
        '/home': ['dev'],
      };
      const window = await bed.open(
        onWorld(
          {},
          {
            listFolders: async ({ directory = '/home/dev' }) => ({
              directory,
              ...(directory === '/home' ? {} : { parent: directory.slice(0, directory.lastIndexOf('/')) }),
              folders: [...(folders[directory] ?? [])],
            }),
            findLaunchers: async () => ({ launchers: [] }),
          },
        ),
      );
      const { page } = window;
      await page.getByRole('button', { name: 'Intercept catalog…' }).click();
      for (let step = 0; step < 2; step += 1) await page.getByRole('button', { name: 'Next' }).click();
      await page.getByRole('radio', { name: 'From a folder' }).check();
      await page.getByRole('button', { name: 'Choose…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Choose a folder' });
      await dialog.getByRole('button', { name: 'shop' }).click();
      await dialog.getByText('/home/dev/shop').waitFor();
      await walkThemes(window, 'folder-chooser');
      for (let step = 0; step < 2; step += 1) await dialog.getByRole('button', { name: 'One up' }).click();
      await dialog.getByRole('button', { name: 'dev' }).waitFor();
      await dialog.getByRole('button', { name: 'Use this folder' }).click();
      await expect.poll(() => page.getByRole('textbox', { name: 'Folder' }).inputValue()).toBe('/home');
    });

    it('moves what is on its way, and nothing for those who want less motion', async () => {
      const { page } = await bed.open(onWorld({}, { watchWorkloads: never }));
      await page.getByRole('status', { name: 'Waiting for the workloads' }).waitFor();
      const running = () => page.evaluate("document.getAnimations().filter(({ playState }) => playState === 'running').length");
      await expect.poll(running).toBe(0);
      await page.emulateMedia({ reducedMotion: 'no-preference' });
      await expect.poll(running).toBeGreaterThan(0);
      await page.emulateMedia({ reducedMotion: 'reduce' });
      await expect.poll(running).toBe(0);
    });
  },
);
