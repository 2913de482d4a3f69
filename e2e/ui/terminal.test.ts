import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { missing } from './testing/browser.ts';
import { fakeTerminals, terminalOf } from './testing/fake-terminals.ts';
import { offWorld, onWorld, type World } from './testing/fake-world.ts';
import { goToPage, walkThemes } from './testing/theme-walk.ts';
import { createUiBed, type OpenWindow } from './testing/ui-bed.ts';
import { connectionOf, engagementOf, stateOf } from './testing/world.ts';

const prompt = 'dev@laptop:~/shop$ ';
const screen = `\u001b[32mcart\u001b[0m is up\r\n\u001b[33mwarning\u001b[0m slow\r\nhttps://example.com/cart\r\n${prompt}`;

/** Three themes of several screens, each looked at by axe. */
const lookTimeoutMs = 180_000;

describe.skipIf(missing !== undefined)(
  `terminal${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();

    /** The page with fake terminals behind it. */
    async function open(makeWorld: (change: Partial<DaemonState>) => World, terminals: DaemonState['terminals']) {
      const opened: { window?: OpenWindow } = {};
      const programs = fakeTerminals(screen, () => {
        if (opened.window === undefined) throw new Error('The window is not open yet');
        return opened.window.state;
      });
      const world = makeWorld({ terminals });
      const { daemon } = world.state;
      const capabilities = [...daemon.capabilities, 'terminal' as const];
      opened.window = await bed.open({
        state: { ...world.state, daemon: { ...daemon, capabilities } },
        handlers: { ...programs.handlers, ...world.handlers },
      });
      await goToPage(opened.window, 'Terminal');
      return { ...opened.window, programs };
    }
    const rows = ({ page }: Pick<OpenWindow, 'page'>) => page.locator('.xterm-rows');

    it('is offered by daemons that have terminals only', async () => {
      const { page } = await bed.open(onWorld());
      await page.getByRole('grid', { name: 'Workloads' }).waitFor();
      expect(await page.getByRole('button', { name: 'Terminal', exact: true }).count()).toBe(0);
    });

    it('opens one in the current connection, takes what is typed, and fits it to the window', async () => {
      const window = await open((change) => onWorld(change), {});
      await window.page.getByRole('button', { name: 'New terminal' }).click();
      await rows(window).getByText('dev@laptop').waitFor();
      expect(window.programs.opened).toMatchObject([{ use: '^staging-shop$' }]);
      await window.page.keyboard.type('ls\n');
      await expect.poll(() => window.programs.written.join('')).toBe('ls\r');
      await expect.poll(() => window.programs.sizes.length).toBeGreaterThan(0);
      const [size] = window.programs.sizes;
      expect(size?.columns).toBeGreaterThan(100);
      await window.programs.print('cart.shop resolves');
      await rows(window).getByText('cart.shop resolves').waitFor();
    });

    it('has the command line that opens one elsewhere, while connected', async () => {
      const { page } = await open((change) => onWorld(change), {});
      await page.getByRole('button', { name: 'Command lines' }).click();
      await page.getByRole('menuitem', { name: 'Copy the command telepresence shell' }).click();
      await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('telepresence shell');
      const off = await open((change) => offWorld(change), {});
      await off.page.getByText('Not connected: a terminal').waitFor();
      expect(await off.page.getByRole('button', { name: 'Command lines' }).count()).toBe(0);
    });

    it('draws a flood without more on its way than the daemon allows, and takes keys meanwhile', async () => {
      const window = await open((change) => onWorld(change), { t1: terminalOf() });
      await rows(window).getByText('dev@laptop').waitFor();
      const lot = 'y\r\n'.repeat(10_000);
      for (let count = 0; count < 300; count += 1) {
        await window.programs.print(lot);
        if (count === 150) await window.page.keyboard.press('Control+c');
      }
      await window.programs.print('\r\nthe end of it');
      await rows(window).getByText('the end of it').waitFor({ timeout: 20_000 });
      expect(window.programs.written).toContain('\u0003');
      expect(window.programs.maxOnTheWay).toBeLessThan(256 * 1024 + 2 * lot.length);
    });

    it('shows the same terminals after a reload', async () => {
      const window = await open((change) => onWorld(change), { t1: terminalOf(), t2: terminalOf({ id: 't2', title: 'psql' }) });
      await rows(window).getByText('dev@laptop').waitFor();
      await window.page.reload();
      await goToPage(window, 'Terminal');
      await rows(window).getByText('dev@laptop').waitFor();
      expect(await window.page.getByRole('list', { name: 'Terminals' }).getByRole('listitem').count()).toBe(2);
    });

    it('searches by keyboard, and gives the keyboard back', async () => {
      const window = await open((change) => onWorld(change), { t1: terminalOf() });
      const { page } = window;
      await rows(window).getByText('dev@laptop').waitFor();
      await page.keyboard.press('Control+Shift+F');
      await page.getByRole('textbox', { name: 'Search in the terminal' }).fill('cart');
      await page.getByText('1 of 2').waitFor();
      await page.keyboard.press('Enter');
      await page.getByText('2 of 2').waitFor();
      await page.keyboard.press('Escape');
      await page.keyboard.type('x');
      await expect.poll(() => window.programs.written.join('')).toBe('x');
      await page.keyboard.press('Control+F6');
      await expect.poll(() => page.evaluate("document.activeElement?.getAttribute('aria-current')")).toBe('true');
    });

    it('copies the selection and pastes', async () => {
      const window = await open((change) => onWorld(change), { t1: terminalOf() });
      await rows(window).getByText('dev@laptop').waitFor();
      await window.page.locator('.xterm-screen').dblclick({ position: { x: 12, y: 8 } });
      await window.page.getByRole('button', { name: 'Copy the selection' }).click();
      await expect.poll(() => window.page.evaluate('navigator.clipboard.readText()')).toBe('cart');
      await window.page.evaluate("navigator.clipboard.writeText('kubectl get pods')");
      await window.page.getByRole('button', { name: 'Paste' }).click();
      await expect.poll(() => window.programs.written.join('')).toContain('kubectl get pods');
    });

    it('closes one after a moment in which it can be taken back', async () => {
      const window = await open((change) => onWorld(change), { t1: terminalOf() });
      const { page } = window;
      await page.getByRole('button', { name: 'Close terminal bash' }).click();
      await page.getByText('No terminals').waitFor();
      await page.getByRole('button', { name: 'Undo' }).click();
      await rows(window).getByText('dev@laptop').waitFor();
      expect(window.programs.closed).toEqual([]);
      window.state.put('terminals', 't1', terminalOf({ exitCode: 3 }));
      await page.getByText('Ended with exit code 3').waitFor();
      await page.getByRole('button', { name: 'Close terminal bash' }).click();
      await expect.poll(() => window.programs.closed).toEqual(['t1']);
    });

    it('keeps one in the panel while other pages are shown', async () => {
      const window = await open((change) => onWorld(change), { t1: terminalOf() });
      await window.page.getByRole('button', { name: 'Show in the panel' }).click();
      await goToPage(window, 'Workloads');
      const panel = window.page.getByRole('region', { name: 'Panel' });
      await panel.locator('.xterm-rows').getByText('dev@laptop').waitFor();
      await window.programs.print('still here');
      await panel.locator('.xterm-rows').getByText('still here').waitFor();
    });

    it('opens one with the environment of an engagement', async () => {
      const window = await open((change) => onWorld({ engagements: { 'staging-shop/cart': engagementOf() }, ...change }), {});
      await window.page.getByRole('button', { name: 'Other terminals' }).click();
      await window.page.getByRole('menuitem', { name: 'With the environment of cart' }).click();
      await expect.poll(() => window.programs.opened).toMatchObject([{ use: '^staging-shop$', engagement: 'cart' }]);
    });

    it('says why one cannot be opened', async () => {
      const openTerminal = async () => {
        throw new AppError({ code: 'connection.lost', message: 'The connection has no network at the moment' });
      };
      const window = await open((change) => onWorld(change, { openTerminal }), {});
      await window.page.getByRole('button', { name: 'New terminal' }).click();
      await window.page.getByRole('alert').getByText('The terminal could not be opened').waitFor();
      await walkThemes(window, 'terminal-error');
    });

    it('looks right without terminals', async () => {
      const off = await open((change) => offWorld(change), {});
      await off.page.getByText('Not connected: a terminal that you open now is an ordinary one').waitFor();
      await walkThemes(off, 'terminal-empty');
    });

    it('looks right with many', async () => {
      const terminals = Object.fromEntries(
        Array.from({ length: 14 }, (_unused, index) => {
          const connected = index % 2 === 0 ? { connection: 'staging-shop' } : {};
          return [
            `t${index}`,
            terminalOf({ id: `t${index}`, title: `program-${index}`, ...connected, ...(index === 3 ? { exitCode: 1 } : {}) }),
          ];
        }),
      );
      const window = await open(
        () => ({ state: stateOf({ connections: { 'staging-shop': connectionOf() }, terminals }), handlers: {} }),
        terminals,
      );
      await window.page.getByRole('button', { name: 'program-8', exact: true }).click();
      await rows(window).getByText('dev@laptop').waitFor();
      await window.page.getByText('staging · shop').waitFor();
      await walkThemes(window, 'terminal-many');
    });
  },
);
