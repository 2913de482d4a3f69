import type { Page } from 'playwright-core';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { manyWorkloads, offWorld, onWorld, planOf, probeOf, type World, workloadHandlers } from './fake-world.ts';
import { conditionOf, connectionOf, detailsOf, engagementOf, recentOf, taskOf } from './world.ts';

/** A screen in one of its states: how it comes about, and what shows that it is there. */
export interface Screen {
  readonly name: string;
  readonly world: () => World;
  readonly ready: (page: Page) => Promise<void>;
}

const never = async (_input: unknown, { signal }: { readonly signal: AbortSignal }) => {
  await untilAborted(signal);
  throw new AppError({ code: 'cancelled', message: 'The test is over' });
};

const refused = new AppError({
  code: 'manager.unreachable',
  message: 'The traffic-manager does not answer',
  reason: 'No pod of it is ready',
  remedies: [{ label: 'See what is wrong', command: 'telepresence doctor' }],
});

const fails = async () => {
  throw refused;
};

const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true }).waitFor();
const goTo = async (page: Page, name: string) => {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name }).click();
};

const environment = {
  DATABASE_URL: 'postgres://shop:secret@postgres:5432/shop',
  LOG_LEVEL: 'info',
  PORT: '8080',
  STRIPE_KEY: 'sk_test_12345',
};

const openWizard = async (page: Page, workload: string) => {
  await page.getByRole('row', { name: workload, exact: true }).getByRole('button', { name: `Intercept ${workload}…` }).click();
  await heading(page, 'What is intercepted?');
};
const next = async (page: Page) => await page.getByRole('button', { name: 'Next' }).click();

export const screens: readonly Screen[] = [
  {
    name: 'connect-off',
    world: () =>
      offWorld({
        recents: { a: recentOf({ pinned: true }), b: recentOf({ context: 'k3d-local', namespace: 'default' }) },
      }),
    ready: async (page) => {
      await page.getByText('Reachable, 24 ms').waitFor();
    },
  },
  {
    name: 'connect-loading',
    world: () => offWorld({}, { listContexts: never }),
    ready: async (page) => await page.getByRole('status', { name: 'Reading the kubeconfig' }).waitFor(),
  },
  {
    name: 'connect-empty',
    world: () => offWorld({}, { listContexts: async () => ({ contexts: [] }) }),
    ready: async (page) => await page.getByText('No contexts').waitFor(),
  },
  {
    name: 'connect-error',
    world: () =>
      offWorld(
        {},
        {
          listContexts: async () => {
            throw new AppError({ code: 'kubeconfig.invalid', message: 'The kubeconfig /home/dev/.kube/config is not valid', reason: 'line 12: bad indentation' });
          },
        },
      ),
    ready: async (page) => await page.getByText('The kubeconfig cannot be read').waitFor(),
  },
  {
    name: 'connect-many',
    world: () =>
      offWorld(
        {},
        {
          listContexts: async () => ({
            contexts: Array.from({ length: 60 }, (_unused, index) => ({
              name: `team-${index}-cluster`,
              cluster: `c${index}`,
              user: 'dev',
              namespace: '',
              server: `https://c${index}.example.com:6443`,
              current: index === 3,
            })),
          }),
        },
      ),
    ready: async (page) => await page.getByRole('textbox', { name: 'Filter contexts' }).waitFor(),
  },
  {
    name: 'connect-no-manager',
    world: () => offWorld({}, { probeContext: async () => probeOf({ manager: { kind: 'none' } }) }),
    ready: async (page) => await page.getByRole('button', { name: 'Install the traffic-manager' }).waitFor(),
  },
  {
    name: 'connect-unreachable',
    world: () =>
      offWorld(
        {},
        {
          probeContext: async () => ({
            context: 'staging',
            server: 'https://staging.example.com:6443',
            namespace: 'shop',
            manager: { kind: 'unknown' },
            namespaces: [],
            mayInstall: false,
            error: { code: 'cluster.unreachable', message: 'The API server does not answer', reason: 'connect ETIMEDOUT 10.0.0.1:6443' },
          }),
        },
      ),
    ready: async (page) => await page.getByText('The API server does not answer').waitFor(),
  },
  {
    name: 'connect-connecting',
    world: () =>
      offWorld({
        connections: { 'staging-shop': connectionOf({ state: { kind: 'connecting', stage: 'subnets' }, stageTimesMs: { kubeconfig: 4, api: 61, manager: 1_320, session: 44 } }) },
      }),
    ready: async (page) => await page.getByRole('list', { name: 'Steps of the connection' }).waitFor(),
  },
  {
    name: 'connect-failed',
    world: () =>
      offWorld(
        {},
        {
          connect: async (_input, { emit }) => {
            for (const stage of ['kubeconfig', 'api', 'manager']) emit({ stage });
            throw new AppError({
              code: 'manager.not-installed',
              message: 'There is no traffic-manager in namespace ambassador',
              remedies: [{ label: 'Install it', command: 'telepresence helm install' }],
            });
          },
        },
      ),
    ready: async (page) => {
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await page.getByText('The connection failed: Find the traffic-manager').waitFor();
    },
  },
  {
    name: 'connect-on',
    world: () => onWorld(),
    ready: async (page) => {
      await goTo(page, 'Connection');
      await page.getByRole('heading', { name: 'Network' }).waitFor();
    },
  },
  {
    name: 'connect-paused',
    world: () =>
      onWorld({
        connections: {
          'staging-shop': connectionOf({
            state: { kind: 'paused', since: new Date().toISOString(), until: new Date(Date.now() + 900_000).toISOString() },
          }),
        },
      }),
    ready: async (page) => {
      await goTo(page, 'Connection');
      await page.getByRole('button', { name: 'Resume' }).waitFor();
    },
  },
  {
    name: 'connect-trouble',
    world: () =>
      onWorld({
        connections: {
          'staging-shop': connectionOf({
            state: { kind: 'reconnecting', since: new Date().toISOString(), attempt: 4, reason: refused.toData() as never },
          }),
        },
        health: {
          a: conditionOf({ severity: 'error', code: 'connection.lost', title: 'The cluster is not reached', message: 'Trying again since 20 s' }),
          b: conditionOf(),
        },
      }),
    ready: async (page) => {
      await goTo(page, 'Connection');
      await page.getByText('The traffic-manager does not answer').waitFor();
    },
  },
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
            planOf({ conflicts: [{ owner: 'ana@build-7', port: 'http', message: 'Port http of checkout is intercepted by ana@build-7' }] }),
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
              { kind: 'launch-configuration', name: 'Attach', command: '', directory: '/home/dev/shop', environment: {}, problem: 'It attaches to a running program' },
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
                { verb: 'get', resource: 'deployments', namespace: 'shop', allowed: true },
                { verb: 'create', resource: 'pods/portforward', namespace: 'ambassador', allowed: false },
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
            throw new AppError({ code: 'agent.failed', message: 'The agent of catalog did not start', reason: 'ImagePullBackOff' });
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
                    ? { kind: 'waiting', since: new Date().toISOString(), reason: { code: 'manager.unreachable', message: 'The traffic-manager does not answer' } }
                    : index === 3
                      ? { kind: 'ended', since: new Date().toISOString(), reason: { code: 'engagement.removed', message: 'An administrator ended it' } }
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
