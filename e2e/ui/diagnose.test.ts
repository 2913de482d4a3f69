import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { doctorCheckIds } from '#protocol/local-api/doctor-checks.ts';
import type { DoctorCheck } from '#protocol/local-api/model.ts';
import { missing } from './testing/browser.ts';
import { onWorld } from './testing/fake-world.ts';
import { goToPage, walkThemes } from './testing/theme-walk.ts';
import { createUiBed } from './testing/ui-bed.ts';

const lookTimeoutMs = 180_000;
const statuses = ['pass', 'pass', 'warn', 'fail', 'not-applicable'] as const;

function checkOf(id: string, index: number): DoctorCheck {
  const status = statuses[index % statuses.length] ?? 'pass';
  return {
    id,
    title: `Check of ${id}`,
    status,
    reason: `What was found out about ${id}`,
    remedies:
      status === 'fail'
        ? [
            { label: 'Install the traffic-manager', command: 'telepresence helm install' },
            { label: 'Read about it', link: 'https://example.com/help' },
          ]
        : status === 'warn'
          ? [{ label: 'Stop the other program', command: 'sudo systemctl stop vpn' }]
          : [],
  };
}

const all = doctorCheckIds.map(checkOf);

describe.skipIf(missing !== undefined)(
  `diagnose${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();

    it('shows each result as it comes, by shape and word', async () => {
      const more = Promise.withResolvers<void>();
      const window = await bed.open(
        onWorld(
          {},
          {
            runDoctor: async (_input, { emit }) => {
              for (const check of all.slice(0, 4)) emit(check);
              await more.promise;
              return { checks: all };
            },
          },
        ),
      );
      await goToPage(window, 'Diagnose');
      const { page } = window;
      await page.getByText('4 of 13 checks done').waitFor();
      await page.getByRole('button', { name: 'Copy the command telepresence doctor' }).click();
      await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('telepresence doctor');
      await page.getByRole('heading', { name: 'Check of helper' }).waitFor();
      await page.getByRole('heading', { name: 'Other VPNs' }).waitFor();
      await walkThemes(window, 'diagnose-running');
      more.resolve();
      await page.getByText('2 failed, 3 warnings, 6 passed, 2 not applicable').waitFor();
      await walkThemes(window, 'diagnose');
    });

    it('runs one again, offers remedies, and copies a report', async () => {
      const asked: (readonly string[])[] = [];
      const window = await bed.open(
        onWorld(
          {},
          {
            runDoctor: async ({ only }) => {
              asked.push(only);
              const id = only[0];
              return { checks: id === undefined ? all : [{ ...checkOf(id, 0), title: 'Looked at again' }] };
            },
          },
        ),
      );
      await goToPage(window, 'Diagnose');
      const { page } = window;
      await page.getByRole('button', { name: 'Run again: Check of routes' }).click();
      await page.getByRole('heading', { name: 'Looked at again' }).waitFor();
      expect(asked).toEqual([[], ['routes']]);
      await page.getByRole('button', { name: 'Copy as text' }).click();
      const text = String(await page.evaluate('navigator.clipboard.readText()'));
      expect(text).toContain(
        'Warning: Check of dns\n  What was found out about dns\n  Stop the other program: sudo systemctl stop vpn',
      );
      await page.getByRole('button', { name: 'Copy as JSON' }).click();
      expect(JSON.parse(String(await page.evaluate('navigator.clipboard.readText()')))).toMatchObject({ checks: { length: 13 } });
      await page.getByRole('button', { name: 'Copy the command sudo systemctl stop vpn' }).first().click();
      await page.getByRole('button', { name: 'Install the traffic-manager' }).first().click();
      await page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
    });

    it('keeps what it found while other pages are shown, and can be stopped', async () => {
      const window = await bed.open(
        onWorld(
          {},
          {
            runDoctor: async (_input, { emit, signal }) => {
              emit(checkOf('helper', 0));
              await untilAborted(signal);
              throw new AppError({ code: 'cancelled', message: 'Cancelled' });
            },
          },
        ),
      );
      await goToPage(window, 'Diagnose');
      const { page } = window;
      await page.getByText('1 of 13 checks done').waitFor();
      await goToPage(window, 'Settings');
      await goToPage(window, 'Diagnose');
      await page.getByText('1 of 13 checks done').waitFor();
      await page.getByRole('button', { name: 'Stop' }).click();
      await page.getByText('0 failed, 0 warnings, 1 passed').waitFor();
    });

    it('says why the checks could not be run', async () => {
      const window = await bed.open(
        onWorld(
          {},
          {
            runDoctor: async () => {
              throw new AppError({ code: 'internal', message: 'The doctor has failed' });
            },
          },
        ),
      );
      await goToPage(window, 'Diagnose');
      await window.page.getByRole('alert').getByText('The checks could not be run').waitFor();
      await walkThemes(window, 'diagnose-error');
    });
  },
);
