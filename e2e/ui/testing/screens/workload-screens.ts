import { manyWorkloads, offWorld, onWorld, workloadHandlers } from '../fake-world.ts';
import { detailsOf, engagementOf, taskOf } from '../world.ts';
import { fails, goTo, never, type Screen } from './screen.ts';

/** Its screens, each in all of its states. */
export const workloadScreens: readonly Screen[] = [
  {
    name: 'workloads-off',
    world: () => offWorld(),
    ready: async (page) => {
      await goTo(page, 'Workloads');
      await page.getByText('Connect to a cluster to see its workloads.').waitFor();
    },
  },
  {
    name: 'workloads-loading',
    world: () => onWorld({}, { watchWorkloads: never }),
    ready: async (page) => await page.getByRole('status', { name: 'Waiting for the workloads' }).waitFor(),
  },
  {
    name: 'workloads-empty',
    world: () => onWorld({}, workloadHandlers([], {})),
    ready: async (page) => await page.getByText('No workloads in shop').waitFor(),
  },
  {
    name: 'workloads-error',
    world: () => onWorld({}, { watchWorkloads: fails }),
    ready: async (page) => await page.getByText('The workloads cannot be listed').waitFor(),
  },
  {
    name: 'workloads',
    world: () => onWorld({ engagements: { 'staging-shop/cart': engagementOf() }, tasks: { 'task-1': taskOf() } }),
    ready: async (page) => {
      await page.getByRole('row', { name: 'frontend', exact: true }).waitFor();
      await page.getByText('2/2').first().waitFor();
    },
  },
  {
    name: 'workloads-without-details',
    world: () => onWorld({}, { watchWorkloadDetails: fails }),
    ready: async (page) => await page.getByText('failing').waitFor(),
  },
  {
    name: 'workloads-no-match',
    world: () => onWorld(),
    ready: async (page) => {
      await page.getByRole('searchbox', { name: 'Filter workloads' }).fill('nothing like it');
      await page.getByText('No workload fits').waitFor();
    },
  },
  {
    name: 'workloads-many',
    world: () => {
      const { workloads, details } = manyWorkloads(detailsOf('service'));
      return onWorld({}, workloadHandlers(workloads, details));
    },
    ready: async (page) => await page.getByText('team-00').first().waitFor(),
  },
  {
    name: 'workloads-menu',
    world: () => onWorld(),
    ready: async (page) => {
      await page.getByRole('button', { name: 'More actions for frontend' }).click();
      await page.getByRole('menuitem', { name: 'Copy frontend.shop:80' }).waitFor();
    },
  },
];
