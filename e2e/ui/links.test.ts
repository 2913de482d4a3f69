import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import type { DeepLink } from '#protocol/app-bridge/deep-link.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { LogSource } from '#protocol/local-api/log-api.ts';
import type { ConnectRequest } from '#protocol/local-api/model.ts';
import { missing } from './testing/browser.ts';
import { openBridge } from './testing/fake-bridge.ts';
import { fakeLogs, linesOf } from './testing/fake-logs.ts';
import { changingWorld, offWorld, onWorld, type World, workloadHandlers } from './testing/fake-world.ts';
import { walkThemes } from './testing/theme-walk.ts';
import { createUiBed, type OpenWindow } from './testing/ui-bed.ts';
import { connectionOf, detailsOf, engagementOf, shopDetails, shopWorkloads, workloadOf } from './testing/world.ts';

/** Three themes, each looked at by axe. */
const lookTimeoutMs = 180_000;

const whole: DeepLink = {
  kind: 'intercept',
  context: 'staging',
  namespace: 'shop',
  workload: 'catalog',
  service: 'catalog',
  container: 'catalog',
  port: '9090:http',
};

describe.skipIf(missing !== undefined)(
  `links and requests of the app${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();
    const open = async (world: World, link: DeepLink) => {
      const window = await bed.open(world);
      const bridge = await openBridge(window.page);
      await window.page.getByRole('contentinfo', { name: 'Status' }).waitFor();
      await bridge.push({ kind: 'deep-link', link });
      const dialog = window.page.getByRole('dialog', { name: 'A link wants to do this' });
      await dialog.waitFor();
      return { ...window, dialog, go: async () => await dialog.getByRole('button', { name: 'Go on' }).click() };
    };

    it.each([
      ['link-connect', { kind: 'connect', context: 'production', namespace: 'billing', managerNamespace: 'tools' }],
      ['link-intercept', whole],
    ] as const)('asks before it follows a link, and Cancel does nothing: %s', async (picture, link) => {
      const calls: string[] = [];
      const { page, dialog, state } = await open(
        offWorld(
          {},
          {
            connect: async () => {
              calls.push('connect');
              return { connection: connectionOf(), alreadyConnected: false, warnings: [] };
            },
          },
        ),
        link,
      );
      await dialog.getByText(`Connect to context ${link.context}, namespace ${link.namespace}`).waitFor();
      const facts =
        link.kind === 'connect'
          ? ['tools']
          : ['Open the intercept of catalog for review', 'Service', 'Container', 'http', '9090'];
      for (const fact of facts) await dialog.getByText(fact, { exact: true }).first().waitFor();
      await walkThemes({ page, state }, picture);
      expect(calls).toEqual([]);
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await dialog.waitFor({ state: 'hidden' });
      await page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
      expect(calls).toEqual([]);
      // Neither is it remembered.
      state.put('connections', 'staging-shop', connectionOf());
      await page.getByRole('button', { name: 'Connection menu: On' }).waitFor();
      await page.getByRole('heading', { name: 'Workloads', exact: true }).waitFor();
      expect(calls).toEqual([]);
    });

    it('connects where a link to connect says, with the namespace of the traffic-manager', async () => {
      const requests: ConnectRequest[] = [];
      const { page, dialog, go } = await open(
        offWorld(
          {},
          {
            connect: async (request, { emit, signal }) => {
              requests.push(request);
              emit({ stage: 'session' });
              await untilAborted(signal);
              return { connection: connectionOf(), alreadyConnected: false, warnings: [] };
            },
          },
        ),
        { kind: 'connect', context: 'production', namespace: 'billing', managerNamespace: 'tools' },
      );
      await dialog.getByText('Namespace of the traffic-manager').waitFor();
      await go();
      await page
        .getByRole('heading', { name: /production · billing/ })
        .first()
        .waitFor();
      expect(requests).toEqual([{ kubeFlags: { context: 'production' }, namespace: 'billing', managerNamespace: 'tools' }]);
      await page.getByRole('button', { name: 'Cancel' }).click();
    });

    it('fills in all that a link to an intercept says where the connection is there', async () => {
      const { page, go, dialog } = await open(onWorld(twoPorts.state, twoPorts.handlers), whole);
      expect(await dialog.getByText('Connect to context').count()).toBe(0);
      await go();
      await isFilledIn(page);
    });

    it('connects first, and keeps the workload until it is there', async () => {
      const requests: ConnectRequest[] = [];
      const window: { current?: Pick<OpenWindow, 'state'> } = {};
      const { world, emit } = changingWorld(
        shopWorkloads.filter(({ name }) => name !== 'catalog'),
        twoPorts.details,
      );
      const opened = await open(
        {
          ...offWorld(),
          handlers: {
            ...offWorld().handlers,
            ...world.handlers,
            connect: async (request) => {
              requests.push(request);
              window.current?.state.put('connections', 'staging-shop', connectionOf());
              return { connection: connectionOf(), alreadyConnected: false, warnings: [] };
            },
          },
        },
        whole,
      );
      window.current = opened;
      const { page, go } = opened;
      await go();
      await page.getByText('Namespace shop has no such workload yet').waitFor();
      expect(requests).toEqual([{ kubeFlags: { context: 'staging' }, namespace: 'shop' }]);
      emit({ kind: 'changed', workload: workloadOf('catalog', { agent: 'installed' }) });
      await isFilledIn(page);
      expect(await page.getByText('no such workload').count()).toBe(0);
    });

    it('shows why it could not connect, and goes on to the intercept when it can', async () => {
      let attempts = 0;
      const window: { current?: Pick<OpenWindow, 'state'> } = {};
      const opened = await open(
        offWorld(
          {},
          {
            ...twoPorts.handlers,
            connect: async () => {
              attempts += 1;
              if (attempts === 1) throw new AppError({ code: 'cluster.unreachable', message: 'The cluster cannot be reached' });
              window.current?.state.put('connections', 'staging-shop', connectionOf());
              return { connection: connectionOf(), alreadyConnected: false, warnings: [] };
            },
          },
        ),
        whole,
      );
      window.current = opened;
      const { page, go } = opened;
      await go();
      await page.getByText('The cluster cannot be reached').waitFor();
      await page.getByRole('button', { name: 'Try again' }).click();
      await isFilledIn(page);
    });

    it('leaves what is connected elsewhere alone, and shows the workload of the link', async () => {
      const other = connectionOf({ name: 'production-billing', context: 'production', namespace: 'billing' });
      const window: { current?: Pick<OpenWindow, 'state'> } = {};
      const opened = await open(
        onWorld(
          { connections: { [other.name]: other } },
          {
            ...twoPorts.handlers,
            watchWorkloads: async ({ use }, { emit, signal }) => {
              const workloads = use === '^staging-shop$' ? shopWorkloads : [workloadOf('catalog', { namespace: 'billing' })];
              emit({ kind: 'snapshot', workloads: [...workloads] });
              await untilAborted(signal);
              return {};
            },
            connect: async () => {
              window.current?.state.put('connections', 'staging-shop', connectionOf());
              return { connection: connectionOf(), alreadyConnected: false, warnings: [] };
            },
          },
        ),
        whole,
      );
      window.current = opened;
      await opened.dialog.getByText('The connection to production · billing stays as it is.').waitFor();
      await opened.go();
      await isFilledIn(opened.page);
      expect(Object.keys(opened.state.value.connections).toSorted()).toEqual(['production-billing', 'staging-shop']);
    });

    it('says that a workload does not have the port of a link', async () => {
      const { page, go } = await open(onWorld(twoPorts.state, twoPorts.handlers), { ...whole, port: '8080:grpc' });
      await go();
      await page.getByText('The link asks for port grpc of Service catalog').waitFor();
    });

    it.each([
      ['its handler', engagementOf({ name: 'cart', process: processOf() }), { kind: 'handler', engagement: 'cart' }],
      ['its agent, where it has none', engagementOf(), { kind: 'agent', namespace: 'shop', pod: 'cart-6d9f7b5c4-x2x7q' }],
    ] as const)('opens the log of an engagement from the tray: %s', async (_case, engagement, expected) => {
      const sources: LogSource[] = [];
      const logs = fakeLogs(linesOf(0, 3));
      const { page } = await bed.open(
        onWorld(
          { engagements: { 'staging-shop/cart': engagement } },
          {
            ...logs.handlers,
            tailLog: async (input, context) => {
              sources.push(input.source);
              return await (logs.handlers.tailLog?.(input, context) ?? {});
            },
          },
        ),
      );
      const bridge = await openBridge(page);
      await bridge.push({ kind: 'show-page', page: 'logs', engagement: 'staging-shop/cart' });
      await page.getByRole('heading', { name: 'Logs', exact: true }).waitFor();
      await page.getByRole('log', { name: /cart/ }).waitFor();
      expect(sources.at(-1)).toEqual(expected);
      const group = page.getByRole('region', { name: expected.kind === 'handler' ? 'Handlers' : 'Agents' });
      expect(await group.getByRole('button').getAttribute('aria-current')).toBe('true');
    });

    it('opens the same log from the page of the engagement', async () => {
      const sources: LogSource[] = [];
      const logs = fakeLogs(linesOf(0, 3));
      const { page } = await bed.open(
        onWorld(
          { engagements: { 'staging-shop/cart': engagementOf({ name: 'cart', process: processOf() }) } },
          {
            ...logs.handlers,
            tailLog: async (input, context) => {
              sources.push(input.source);
              return await (logs.handlers.tailLog?.(input, context) ?? {});
            },
          },
        ),
      );
      const bridge = await openBridge(page);
      await bridge.push({ kind: 'show-page', page: 'engagements', engagement: 'staging-shop/cart' });
      const article = page.getByRole('article', { name: 'cart' });
      await article.getByRole('button', { name: 'Logs', exact: true }).click();
      await expect.poll(() => sources.at(-1)).toEqual({ kind: 'handler', engagement: 'cart' });
    });
  },
);

/** A workload whose ports are several, so that the one of a link is a choice. */
const twoPorts = (() => {
  const catalog = detailsOf('catalog', {
    services: [
      {
        name: 'catalog',
        clusterIp: '10.43.12.7',
        ports: [
          { name: 'metrics', port: 9100, targetPort: '9100', protocol: 'TCP' },
          { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' },
        ],
      },
    ],
    containers: [
      { name: 'sidecar', image: 'sidecar:1', ports: [] },
      { name: 'catalog', image: 'catalog:1', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] },
    ],
  });
  const details = { ...shopDetails, 'Deployment/catalog.shop': catalog };
  return { state: {}, details, handlers: workloadHandlers(shopWorkloads, details) };
})();

async function isFilledIn(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'What is intercepted?' }).waitFor();
  await expect.poll(() => page.getByRole('combobox', { name: 'Workload' }).inputValue()).toBe('catalog · Deployment · shop');
  await expect.poll(() => page.getByRole('radio', { name: 'http' }).isChecked()).toBe(true);
  expect(await page.getByRole('combobox', { name: 'Container' }).inputValue()).toBe('catalog');
  await page.getByRole('button', { name: /3.*Where/ }).click();
  expect(await page.getByRole('textbox', { name: 'Port on this laptop' }).inputValue()).toBe('9090');
}

function processOf() {
  return {
    command: 'npm run dev',
    directory: '/home/dev/cart',
    restarts: 0,
    state: { kind: 'running', since: new Date().toISOString(), pid: 4711 },
  } as const;
}
