import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { missing } from './testing/browser.ts';
import { fakeLogs, linesOf, logSources } from './testing/fake-logs.ts';
import { offWorld, onWorld } from './testing/fake-world.ts';
import { goToPage, walkThemes } from './testing/theme-walk.ts';
import { createUiBed } from './testing/ui-bed.ts';

/** Three themes of several screens, each looked at by axe. */
const lookTimeoutMs = 180_000;

describe.skipIf(missing !== undefined)(
  `logs${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();
    const open = async (logs: ReturnType<typeof fakeLogs>, change: Parameters<typeof onWorld>[1] = {}) => {
      const window = await bed.open(onWorld({}, { ...logs.handlers, ...change }));
      await goToPage(window, 'Logs');
      return window;
    };

    it('shows the end of a log, and what comes', async () => {
      const logs = fakeLogs(linesOf(0, 2_000));
      const { page } = await open(logs);
      const rows = page.getByRole('log', { name: 'Log: Daemon' });
      await rows.getByText('message 1999 ').waitFor();
      logs.send({ lines: linesOf(2_000, 3), dropped: 0 });
      await rows.getByText('message 2002 ').waitFor();
      await page.getByText('2,003 lines').waitFor();
    });

    it('draws only what is seen of ten thousand lines a second, and keeps fifty thousand', async () => {
      const logs = fakeLogs([]);
      const { page } = await open(logs);
      await page.getByText('No lines yet').waitFor();
      for (let lot = 0; lot < 200; lot += 1) {
        logs.send({ lines: linesOf(lot * 500, 500), dropped: 0 });
        // The page has its turn between lots, as it has with a daemon.
        await page.evaluate('new Promise(requestAnimationFrame)');
      }
      logs.send({ lines: linesOf(100_000, 1), dropped: 1_200 });
      await page.getByRole('log').getByText('message 100000 ').waitFor();
      await page.getByText('1,200 lines left out').waitFor();
      expect(await page.locator('.logs-row').count()).toBeLessThan(120);
      await page.getByText(/^5\d,\d{3} lines$/).waitFor();
      await page.getByText(/older ones were let go of/).waitFor();
    });

    it('stays where one reads while lines come, and goes on at the end', async () => {
      const logs = fakeLogs(linesOf(0, 2_000));
      const { page } = await open(logs);
      const rows = page.getByRole('log');
      await rows.getByText('message 1999 ').waitFor();
      await rows.focus();
      await page.keyboard.press('Home');
      await rows.getByText('message 0 ').waitFor();
      logs.send({ lines: linesOf(2_000, 500), dropped: 0 });
      await page.getByText('2,500 lines').waitFor();
      await rows.getByText('message 0 ').waitFor();
      await page.getByRole('button', { name: 'Go to the end' }).click();
      await rows.getByText('message 2499 ').waitFor();
    });

    it('finds, highlights, and goes from match to match', async () => {
      const window = await open(fakeLogs(linesOf(0, 5_000)));
      const { page } = window;
      await page.getByRole('textbox', { name: 'Search in the log' }).fill('MESSAGE 12');
      await page.getByText('0 of 111').waitFor();
      await page.keyboard.press('Enter');
      await page.getByText('111 of 111').waitFor();
      await page.locator('.logs-row[data-current=true]').getByText('message 1299').waitFor();
      await page.keyboard.press('Enter');
      await page.locator('.logs-row[data-current=true]').getByText('message 12', { exact: true }).waitFor();
      await page.keyboard.press('Shift+Enter');
      await page.getByText('111 of 111').waitFor();
      await walkThemes(window, 'logs-search');
    });

    it('leaves out what is less grave', async () => {
      const { page } = await open(fakeLogs(linesOf(0, 600)));
      await page.getByRole('log').getByText('message 599 ').waitFor();
      await page.getByRole('combobox', { name: 'Level' }).click();
      await page.getByRole('option', { name: 'Errors' }).click();
      await page.getByText('100 of 600 lines').waitFor();
      expect(await page.locator('.logs-row:not([data-level=error])').count()).toBe(0);
    });

    it('shows another log, of a pod say, and keeps one in the panel', async () => {
      const logs = fakeLogs(linesOf(0, 10));
      const { page } = await open(logs);
      await page.getByRole('navigation', { name: 'Logs' }).getByRole('button', { name: 'cart-6d9f7b5c4-x2x7q · cart' }).click();
      await page.getByRole('log', { name: 'Log: cart-6d9f7b5c4-x2x7q · cart' }).waitFor();
      expect(logs.tailed).toContain('pod');
      await page.getByRole('button', { name: 'Show in the panel' }).click();
      await goToPage({ page }, 'Workloads');
      await page.getByRole('region', { name: 'Panel' }).getByRole('log', { name: 'Log: cart-6d9f7b5c4-x2x7q · cart' }).waitFor();
    });

    it('exports with a choice of what and a preview, says the step, and lists what went in', async () => {
      const asked: unknown[] = [];
      const looked: unknown[] = [];
      const go = Promise.withResolvers<void>();
      const read = Promise.withResolvers<void>();
      const window = await open(fakeLogs(linesOf(0, 40)), {
        previewLogs: async (input, { emit }) => {
          looked.push(input);
          emit({ stage: 'Looking at the log of cart' });
          await read.promise;
          return {
            entries: [
              { name: 'daemon.log', bytes: 48_213, lines: 400, changedLines: 0, sample: ['{"msg":"started"}'] },
              {
                name: 'cart.log',
                bytes: 12,
                lines: 2,
                changedLines: 1,
                sample: ['agent of pod-1', 'Authorization: [redacted]'],
              },
            ],
            problems: ['The helper’s log is not there'],
          };
        },
        gatherLogs: async (input, { emit }) => {
          asked.push(input);
          emit({ stage: 'Reading the log of cart' });
          await go.promise;
          return {
            file: input.outputFile,
            entries: [
              { name: 'daemon.log', bytes: 48_213 },
              { name: 'cart.log', bytes: 12 },
            ],
            problems: ['The helper’s log is not there'],
          };
        },
      });
      const { page } = window;
      await page.getByRole('button', { name: 'Export…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Export logs' });
      await dialog.getByRole('checkbox', { name: 'Privileged helper' }).uncheck();
      await dialog.getByRole('checkbox', { name: /^Replace names/ }).check();
      await dialog.getByRole('textbox', { name: 'File' }).fill('logs.zip');
      await dialog.getByText('An absolute path that ends in .zip').waitFor();
      await dialog.getByRole('textbox', { name: 'File' }).fill('/tmp/logs.zip');
      await walkThemes(window, 'logs-export');
      await dialog.getByRole('button', { name: 'Preview' }).click();
      await dialog.getByText('Looking at the log of cart').waitFor();
      read.resolve();
      await dialog.getByText('2 files, 47.1 KiB. Nothing has been written yet.').waitFor();
      await dialog.getByText('Authorization: [redacted]').waitFor();
      await dialog.getByText('1 log could not be read').waitFor();
      await dialog.getByRole('button', { name: 'daemon.log' }).click();
      await dialog.getByText('{"msg":"started"}').waitFor();
      await walkThemes(window, 'logs-export-preview');
      const line = 'telepresence gather-logs --output-file /tmp/logs.zip --daemons user --anonymize';
      await dialog.getByRole('button', { name: `Copy the command ${line}` }).waitFor();
      expect(asked).toEqual([]);
      await dialog.getByRole('button', { name: 'Back' }).click();
      expect(await dialog.getByRole('checkbox', { name: 'Privileged helper' }).isChecked()).toBe(false);
      await dialog.getByRole('button', { name: 'Preview' }).click();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('Reading the log of cart').waitFor();
      go.resolve();
      await dialog.getByText('The logs are in this file').waitFor();
      await dialog.getByText('cart.log').waitFor();
      await dialog.getByText('1 log could not be read').waitFor();
      await walkThemes(window, 'logs-exported');
      const choice = {
        use: '^staging-shop$',
        daemons: ['user'],
        trafficManager: true,
        trafficAgents: 'all',
        anonymize: true,
        podYaml: false,
      };
      expect(looked).toEqual([choice, choice]);
      expect(asked).toEqual([{ ...choice, outputFile: '/tmp/logs.zip' }]);
    });

    it('says why there is no preview, and cancels one', async () => {
      let attempts = 0;
      const cancelled = Promise.withResolvers<void>();
      const { page } = await open(fakeLogs(linesOf(0, 40)), {
        previewLogs: async (_input, { signal }) => {
          attempts += 1;
          if (attempts === 1) throw new AppError({ code: 'cluster.unreachable', message: 'The API server does not answer' });
          await untilAborted(signal);
          cancelled.resolve();
          throw new AppError({ code: 'cancelled', message: 'Cancelled' });
        },
      });
      await page.getByRole('button', { name: 'Export…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Export logs' });
      await dialog.getByRole('button', { name: 'Preview' }).click();
      await dialog.getByText('The logs could not be read').waitFor();
      await dialog.getByRole('button', { name: 'Preview' }).click();
      await dialog.getByText('Reading the logs').waitFor();
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await cancelled.promise;
      await expect.poll(() => dialog.getByText('Reading the logs').count()).toBe(0);
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await expect.poll(() => dialog.count()).toBe(0);
    });

    it('says that a log cannot be read, and tries again', async () => {
      let attempts = 0;
      const logs = fakeLogs(linesOf(0, 5));
      const window = await open(logs, {
        tailLog: async (input, call) => {
          attempts += 1;
          if (attempts === 1) throw new AppError({ code: 'cluster.forbidden', message: 'You may not read logs of pods in shop' });
          return await logs.handlers.tailLog(input, call);
        },
      });
      await window.page.getByRole('alert').getByText('The log cannot be read').waitFor();
      await walkThemes(window, 'logs-error');
      await window.page.getByRole('button', { name: 'Try again' }).click();
      await window.page.getByText('message 4 ').waitFor();
    });

    it('looks right while it loads, off, with lines, and with many logs', async () => {
      const loading = await open(fakeLogs([]), {
        tailLog: async (_input, { signal }) => {
          await untilAborted(signal);
          return {};
        },
      });
      await loading.page.getByRole('status', { name: 'Reading the log' }).waitFor();
      await walkThemes(loading, 'logs-loading');
      const logs = fakeLogs([], [{ kind: 'daemon' }]);
      const off = await bed.open(offWorld({}, logs.handlers));
      await goToPage(off, 'Logs');
      await off.page.getByText('No lines yet').waitFor();
      await walkThemes(off, 'logs-empty');
      const pods = Array.from({ length: 2_000 }, (_unused, index) => ({
        kind: 'pod' as const,
        namespace: 'shop',
        pod: `pod-${index}`,
        container: 'app',
      }));
      const many = fakeLogs(linesOf(0, 5_000), [...logSources, ...pods]);
      const full = await open(many);
      await full.page.getByText('1901 more: narrow the filter').waitFor();
      await walkThemes(full, 'logs-many');
    });
  },
);
