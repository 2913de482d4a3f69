import { onWorld } from '../fake-world.ts';
import { engagementOf, taskOf } from '../world.ts';
import type { Screen } from './screen.ts';

/** Its screens, each in all of its states. */
export const shellScreens: readonly Screen[] = [
  {
    name: 'tasks',
    world: () =>
      onWorld({
        tasks: {
          'task-1': taskOf(),
          'task-2': taskOf({
            id: 'task-2',
            title: 'Install the traffic-manager',
            state: 'failed',
            error: { code: 'install.failed', message: 'The traffic-manager did not become ready' },
            startedAt: new Date(Date.now() - 90_000).toISOString(),
          }),
        },
      }),
    ready: async (page) => {
      await page.getByRole('row', { name: 'frontend', exact: true }).waitFor();
      await page.getByRole('button', { name: /^Tasks/ }).click();
      await page.getByText('The traffic-manager did not become ready').waitFor();
    },
  },
  {
    name: 'palette',
    world: () => onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }),
    ready: async (page) => {
      await page.getByRole('row', { name: 'frontend', exact: true }).waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('textbox', { name: 'Search pages, workloads and actions' }).fill('ca');
      await page.getByText('Intercept catalog…').waitFor();
    },
  },
];
