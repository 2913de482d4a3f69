import type { Page } from 'playwright-core';
import { AppError } from '#protocol/errors/app-error.ts';
import { onWorld, planOf } from '../fake-world.ts';
import { heading, never, type Screen } from './screen.ts';

const openWizard = async (page: Page, workload: string) => {
  await page
    .getByRole('row', { name: workload, exact: true })
    .getByRole('button', { name: `Intercept ${workload}…` })
    .click();
  await heading(page, 'What is intercepted?');
};
const next = async (page: Page) => await page.getByRole('button', { name: 'Next' }).click();

/** Its screens, each in all of its states. */
export const wizardScreens: readonly Screen[] = [
  {
    name: 'wizard-1-what',
    world: () => onWorld(),
    ready: async (page) => await openWizard(page, 'catalog'),
  },
  {
    name: 'wizard-1-errors',
    world: () => onWorld(),
    ready: async (page) => {
      await openWizard(page, 'catalog');
      await page.getByRole('textbox', { name: 'Name' }).fill('Not A Name');
      await next(page);
      await page.getByText('Lower case letters, digits, dots and dashes').waitFor();
    },
  },
  {
    name: 'wizard-2-who',
    world: () => onWorld(),
    ready: async (page) => {
      await openWizard(page, 'catalog');
      await next(page);
      await page.getByText('Nobody else has this port.').waitFor();
    },
  },
  {
    name: 'wizard-2-conflict',
    world: () =>
      onWorld(
        {},
        {
          planIntercept: async () =>
            planOf({
              conflicts: [{ owner: 'ana@build-7', port: 'http', message: 'Port http of checkout is intercepted by ana@build-7' }],
            }),
        },
      ),
    ready: async (page) => {
      await openWizard(page, 'checkout');
      await next(page);
      await page.getByText('Port http of checkout is intercepted by ana@build-7').waitFor();
    },
  },
  {
    name: 'wizard-3-where',
    world: () =>
      onWorld(
        {},
        {
          findLaunchers: async () => ({
            launchers: [
              { kind: 'npm-script', name: 'dev', command: 'npm run dev', directory: '/home/dev/shop', environment: {} },
              { kind: 'npm-script', name: 'start', command: 'npm start', directory: '/home/dev/shop', environment: {} },
              {
                kind: 'launch-configuration',
                name: 'Debug catalog',
                command: 'node --inspect src/main.js',
                directory: '/home/dev/shop',
                environment: { NODE_ENV: 'development' },
              },
              {
                kind: 'launch-configuration',
                name: 'Attach',
                command: '',
                directory: '/home/dev/shop',
                environment: {},
                problem: 'It attaches to a running program',
              },
            ],
          }),
        },
      ),
    ready: async (page) => {
      await openWizard(page, 'catalog');
      await next(page);
      await next(page);
      await page.getByRole('radio', { name: 'From a folder' }).check();
      await page.getByRole('textbox', { name: 'Folder' }).fill('/home/dev/shop');
      await page.getByRole('radio', { name: 'Debug catalog' }).check();
      await page.getByText('Taken already').waitFor();
    },
  },
  {
    name: 'wizard-4-review',
    world: () =>
      onWorld(
        {},
        {
          planIntercept: async () =>
            planOf({
              restarts: ['catalog-6d9f7b5c4-x2x7q', 'catalog-6d9f7b5c4-p4k2m'],
              rights: [
                { verb: 'get', resource: 'services', namespace: 'ambassador', allowed: false, withoutIt: 'cannot-reconnect' },
                {
                  verb: 'create',
                  resource: 'pods/portforward',
                  namespace: 'shop',
                  allowed: false,
                  withoutIt: 'slower',
                  grant: 'kubectl --namespace shop create role telepresence-create-pods-portforward',
                },
              ],
              warnings: ['Nothing listens on 127.0.0.1:8080 yet'],
            }),
        },
      ),
    ready: async (page) => {
      await openWizard(page, 'catalog');
      for (let step = 0; step < 3; step += 1) await next(page);
      await page.getByText('2 pods are replaced').waitFor();
    },
  },
  {
    name: 'wizard-4-forbidden',
    world: () =>
      onWorld(
        {},
        {
          planIntercept: async () =>
            planOf({
              rights: [
                {
                  verb: 'create',
                  resource: 'pods/portforward',
                  namespace: 'ambassador',
                  allowed: false,
                  withoutIt: 'cannot-start',
                  grant: 'kubectl --namespace ambassador create role telepresence-create-pods-portforward',
                },
              ],
            }),
        },
      ),
    ready: async (page) => {
      await openWizard(page, 'catalog');
      for (let step = 0; step < 3; step += 1) await next(page);
      await page.getByText('This cannot start').waitFor();
    },
  },
  {
    name: 'wizard-5-running',
    world: () =>
      onWorld(
        {},
        {
          intercept: async (_input, { emit, signal }) => {
            emit({ stage: 'Preparing the workload' });
            emit({ stage: 'Waiting for the agent' });
            return await never(undefined, { signal });
          },
        },
      ),
    ready: async (page) => {
      await openWizard(page, 'catalog');
      for (let step = 0; step < 3; step += 1) await next(page);
      await page.getByText('The agent is there already.').waitFor();
      await page.getByRole('button', { name: 'Start' }).click();
      await page.getByText('Waiting for the agent').waitFor();
    },
  },
  {
    name: 'wizard-failed',
    world: () =>
      onWorld(
        {},
        {
          intercept: async (_input, { emit }) => {
            emit({ stage: 'Preparing the workload' });
            throw new AppError({
              code: 'agent.failed',
              message: 'The agent of catalog did not start',
              reason: 'ImagePullBackOff',
            });
          },
        },
      ),
    ready: async (page) => {
      await openWizard(page, 'catalog');
      for (let step = 0; step < 3; step += 1) await next(page);
      await page.getByText('The agent is there already.').waitFor();
      await page.getByRole('button', { name: 'Start' }).click();
      await page.getByText('The agent of catalog did not start').waitFor();
    },
  },
];
