import { onWorld } from '../fake-world.ts';
import { engagementOf } from '../world.ts';
import { fails, goTo, type Screen } from './screen.ts';

const environment = {
  DATABASE_URL: 'postgres://shop:secret@postgres:5432/shop',
  LOG_LEVEL: 'info',
  PORT: '8080',
  STRIPE_KEY: 'sk_test_12345',
};

/** Its screens, each in all of its states. */
export const engagementScreens: readonly Screen[] = [
  {
    name: 'engagements-empty',
    world: () => onWorld(),
    ready: async (page) => {
      await goTo(page, 'Engagements');
      await page.getByText('No engagements').waitFor();
    },
  },
  {
    name: 'engagements-many',
    world: () =>
      onWorld({
        engagements: Object.fromEntries(
          ['cart', 'catalog', 'checkout', 'mailer', 'search'].map((name, index) => [
            `staging-shop/${name}`,
            engagementOf({
              name,
              workload: name,
              state:
                index === 1
                  ? { kind: 'preparing', stage: 'Waiting for the agent' }
                  : index === 2
                    ? {
                        kind: 'waiting',
                        since: new Date().toISOString(),
                        reason: { code: 'manager.unreachable', message: 'The traffic-manager does not answer' },
                      }
                    : index === 3
                      ? {
                          kind: 'ended',
                          since: new Date().toISOString(),
                          reason: { code: 'engagement.removed', message: 'An administrator ended it' },
                        }
                      : { kind: 'active', since: new Date().toISOString() },
            }),
          ]),
        ),
      }),
    ready: async (page) => {
      await goTo(page, 'Engagements');
      await page.getByRole('button', { name: /mailer/ }).click();
      await page.getByText('The cluster took it away').waitFor();
    },
  },
  {
    name: 'engagement',
    world: () =>
      onWorld(
        {
          engagements: {
            'staging-shop/cart': engagementOf({
              process: {
                command: 'npm run dev',
                directory: '/home/dev/shop/cart',
                restarts: 1,
                state: { kind: 'running', since: new Date(Date.now() - 95_000).toISOString(), pid: 48_113 },
              },
            }),
          },
        },
        { readEnvironment: async () => ({ environment }) },
      ),
    ready: async (page) => {
      await goTo(page, 'Engagements');
      await page.getByRole('region', { name: 'Environment' }).getByRole('button', { name: 'Show' }).click();
      await page.getByRole('button', { name: 'Reveal PORT' }).click();
    },
  },
  {
    name: 'engagement-trouble',
    world: () =>
      onWorld(
        {
          engagements: {
            'staging-shop/cart': engagementOf({
              handler: 'not-listening',
              process: {
                command: 'npm run dev',
                directory: '/home/dev/shop/cart',
                restarts: 3,
                state: { kind: 'exited', since: new Date().toISOString(), exitCode: 1 },
              },
            }),
          },
        },
        { readEnvironment: fails },
      ),
    ready: async (page) => {
      await goTo(page, 'Engagements');
      await page.getByRole('region', { name: 'Environment' }).getByRole('button', { name: 'Show' }).click();
      await page.getByText('The environment cannot be read').waitFor();
    },
  },
];
