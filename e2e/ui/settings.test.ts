import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { missing } from './testing/browser.ts';
import { fakeConfig } from './testing/fake-settings.ts';
import { onWorld } from './testing/fake-world.ts';
import { goToPage, walkThemes } from './testing/theme-walk.ts';
import { createUiBed } from './testing/ui-bed.ts';

const lookTimeoutMs = 180_000;

describe.skipIf(missing !== undefined)(
  `settings${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();
    const open = async (handlers: Parameters<typeof onWorld>[1]) => {
      const window = await bed.open(onWorld({}, handlers));
      await goToPage(window, 'Settings');
      return window;
    };

    it('changes preferences in the daemon, for every window', async () => {
      const { page, state } = await open(fakeConfig().handlers);
      await page.getByRole('switch', { name: 'When the connection is lost or comes back' }).click();
      await expect.poll(() => state.value.preferences['preferences']?.notifyConnection).toBe(false);
      await page.getByRole('radiogroup', { name: 'Mode of new connections' }).getByText('Rootless').click();
      await expect.poll(() => state.value.preferences['preferences']?.defaultMode).toBe('rootless');
      await page.getByRole('radiogroup', { name: 'Theme' }).getByText('Dark').click();
      await page.locator('html[data-mantine-color-scheme="dark"]').waitFor();
      expect(await page.getByText('Start when I log in').count()).toBe(0);
    });

    it('shows where each value comes from, and the daemon’s objection at the field', async () => {
      const config = fakeConfig();
      const window = await open(config.handlers);
      const { page } = window;
      await page.getByRole('row', { name: /dns\.excludeSuffixes .com, .io traffic-manager/ }).waitFor();
      await page.getByRole('button', { name: 'Edit timeouts.helm' }).click();
      const field = page.getByRole('textbox', { name: 'Value of timeouts.helm' });
      await field.fill('soon');
      await page.keyboard.press('Enter');
      await page.getByText('expected a duration such as 4s').waitFor();
      await walkThemes(window, 'settings-invalid');
      await field.fill('45s');
      await page.keyboard.press('Enter');
      await page.getByRole('row', { name: /timeouts\.helm 45s \/home\/dev/ }).waitFor();
      await page.getByRole('button', { name: 'Take timeouts.helm out of the file' }).click();
      await page.getByRole('row', { name: /timeouts\.helm 30s built-in/ }).waitFor();
      expect(config.changes).toEqual([
        { path: 'timeouts.helm', value: 'soon' },
        { path: 'timeouts.helm', value: '45s' },
        { path: 'timeouts.helm' },
      ]);
    });

    it('filters settings', async () => {
      const { page } = await open(fakeConfig().handlers);
      await page.getByRole('checkbox', { name: 'Only changed ones' }).check();
      await page.getByRole('row', { name: /logLevels\.userDaemon/ }).waitFor();
      expect(await page.getByRole('row', { name: /timeouts/ }).count()).toBe(0);
      await page.getByRole('textbox', { name: 'Filter settings' }).fill('nothing');
      await page.getByText('No setting fits the filter').waitFor();
    });

    it('says what the helper runs and touches, and looks right', async () => {
      const window = await open(fakeConfig().handlers);
      await window.page.getByRole('region', { name: 'Privileged helper' }).getByText('/opt/telepresence/helper.js').waitFor();
      await window.page.getByRole('row', { name: /timeouts\.helm/ }).waitFor();
      await walkThemes(window, 'settings');
    });

    it('shows that it loads, and what cannot be read', async () => {
      const loading = await open({
        viewConfig: async (_input, { signal }) => {
          await untilAborted(signal);
          throw new AppError({ code: 'cancelled', message: 'Over' });
        },
        describeHelper: async (_input, { signal }) => {
          await untilAborted(signal);
          throw new AppError({ code: 'cancelled', message: 'Over' });
        },
      });
      await loading.page.getByRole('status', { name: 'Reading the settings' }).waitFor();
      await walkThemes(loading, 'settings-loading');
      const failed = await open({
        viewConfig: async () => {
          throw new AppError({
            code: 'config.invalid',
            message: 'The configuration file is not valid',
            reason: 'line 3: bad indentation',
          });
        },
        describeHelper: async () => {
          throw new AppError({ code: 'internal', message: 'The helper’s program is not there' });
        },
      });
      await failed.page.getByText('The configuration cannot be read').waitFor();
      await walkThemes(failed, 'settings-error');
    });
  },
);
