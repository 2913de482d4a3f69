import { AppError } from '#protocol/errors/app-error.ts';
import { offWorld, onWorld, probeOf, unreachableProbe } from '../fake-world.ts';
import { conditionOf, connectionOf, recentOf } from '../world.ts';
import { goTo, never, refused, type Screen } from './screen.ts';

/** Its screens, each in all of its states. */
export const connectScreens: readonly Screen[] = [
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
            throw new AppError({
              code: 'kubeconfig.invalid',
              message: 'The kubeconfig /home/dev/.kube/config is not valid',
              reason: 'line 12: bad indentation',
            });
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
          probeContext: async () =>
            unreachableProbe({
              code: 'cluster.unreachable',
              message: 'The API server does not answer',
              reason: 'connect ETIMEDOUT 10.0.0.1:6443',
            }),
        },
      ),
    ready: async (page) => await page.getByText('The API server does not answer').waitFor(),
  },
  {
    name: 'connect-connecting',
    world: () =>
      offWorld({
        connections: {
          'staging-shop': connectionOf({
            state: { kind: 'connecting', stage: 'subnets' },
            stageTimesMs: { kubeconfig: 4, api: 61, manager: 1_320, session: 44 },
          }),
        },
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
          a: conditionOf({
            severity: 'error',
            code: 'connection.lost',
            title: 'The cluster is not reached',
            message: 'Trying again since 20 s',
          }),
          b: conditionOf(),
        },
      }),
    ready: async (page) => {
      await goTo(page, 'Connection');
      await page.getByText('The traffic-manager does not answer').waitFor();
    },
  },
];
